/** Secrets in a piece of text. Pure. */
import { assignedSecrets, ASSIGNED, isSettings } from './assignments.ts';
import { isExample, SECRET_RULES, type SecretRule } from './rules.ts';
import { createHash } from 'node:crypto';

/** Never the secret itself. */
export interface Sighting {
  readonly rule: string;
  readonly masked: string;
  /** 16 bits of its hash: enough to tell another secret in the same place, too little to find it by trying. */
  readonly hint: string;
  /** Where in the text. */
  readonly at: number;
}

const RULE_OF = new Map<string, readonly SecretRule[]>();
for (const rule of SECRET_RULES) {
  for (const anchor of rule.anchors) RULE_OF.set(anchor, [...(RULE_OF.get(anchor) ?? []), rule]);
}
/** The longest first: of two anchors that begin alike the shorter would hide the longer. */
const ANCHORS = [...RULE_OF.keys()].filter((anchor) => anchor !== ':').toSorted((a, b) => b.length - a.length);
const ANY_ANCHOR = new RegExp(ANCHORS.map((anchor) => anchor.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|'), 'g');
/** For those whose anchor is in nearly every text. */
const BY_PATH = RULE_OF.get(':') ?? [];

/** What follows the longest header of a key up to where its content has begun. */
const AFTER = 600;

/** `path`: of the file, relative; null for text that is in no file (its name is then looked at elsewhere). */
export function secretsIn(text: string, path: string | null): readonly Sighting[] {
  const rules = new Set([...rulesFor(text), ...BY_PATH]);
  const found = [...rules]
    .filter(({ paths }) => paths === undefined || (path !== null && paths.test(path)))
    .flatMap((rule) => sightings(rule, text));
  if (path === null || !isSettings(path)) return found;
  const known = new Set(found.map(({ at }) => at));
  const assigned = assignedSecrets(text).filter(({ at }) => !known.has(at));
  return [...found, ...assigned.map(({ secret, at }) => sightingOf(ASSIGNED.id, secret, at))];
}

function rulesFor(text: string): ReadonlySet<SecretRule> {
  const rules = new Set<SecretRule>();
  const seen = new Set<string>();
  for (const [anchor] of text.matchAll(ANY_ANCHOR)) {
    if (seen.has(anchor)) continue;
    seen.add(anchor);
    for (const rule of RULE_OF.get(anchor) ?? []) rules.add(rule);
  }
  return rules;
}

function sightings({ id, pattern, isReal }: SecretRule, text: string): readonly Sighting[] {
  const found: Sighting[] = [];
  for (const match of text.matchAll(pattern)) {
    const [whole, group] = match;
    const secret = group ?? whole;
    const end = match.index + whole.length;
    if (isExample(secret) || isReal?.(secret, text.slice(end, end + AFTER)) === false) continue;
    found.push(sightingOf(id, secret, match.index + whole.indexOf(secret)));
  }
  return found;
}

export const sightingOf = (rule: string, secret: string, at: number): Sighting => ({
  rule,
  masked: masked(secret),
  hint: createHash('sha256').update(secret).digest('hex').slice(0, 4),
  at,
});

/** At most four characters, and at most a quarter of it. A key's header tells nothing, and is left out. */
function masked(secret: string): string {
  if (secret.startsWith('-----')) return '';
  const shown = secret.slice(0, Math.min(4, Math.floor(secret.length / 4))).replaceAll(/[^\x21-\x7e]/g, '?');
  return `${shown}…, ${secret.length} characters`;
}
