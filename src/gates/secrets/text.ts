/** Secrets in a piece of text. Pure. */
import { createHash } from 'node:crypto';

import { anchorsOf } from './anchors.ts';
import { assignedSecrets, ASSIGNED, isSettings } from './assignments.ts';
import { SECRET_RULES } from './rules/all.ts';
import { isExample, type SecretRule } from './rules/rule.ts';
import { isSource, QUOTED, quotedSecrets } from './sources.ts';

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
const ANCHORS = anchorsOf([...RULE_OF.keys()].filter((anchor) => anchor !== ':'));
/** For those whose anchor is in nearly every text. */
const BY_PATH = RULE_OF.get(':') ?? [];

/** What follows the longest header of a key up to where its content has begun. */
const AFTER = 600;

/**
 * `path`: of the file, relative; null for text that is in no file (its name is then looked at elsewhere). `bytes`: the text,
 * where somebody has them anyway.
 */
export function secretsIn(text: string, path: string | null, bytes: Buffer = Buffer.from(text, 'latin1')): readonly Sighting[] {
  const rules = new Set([...ANCHORS.in(bytes)].flatMap((anchor) => RULE_OF.get(anchor) ?? []).concat(BY_PATH));
  const found = [...rules]
    .filter(({ paths }) => paths === undefined || (path !== null && paths.test(path)))
    .flatMap((rule) => sightings(rule, text));
  if (path === null) return found;
  const [id, named] = isSettings(path)
    ? [ASSIGNED.id, assignedSecrets(text)]
    : isSource(path)
      ? [QUOTED.id, quotedSecrets(text)]
      : [ASSIGNED.id, []];
  const known = new Set(found.map(({ at }) => at));
  return [...found, ...named.filter(({ at }) => !known.has(at)).map(({ secret, at }) => sightingOf(id, secret, at))];
}

function sightings({ id, pattern, isReal, isHeader = false }: SecretRule, text: string): readonly Sighting[] {
  const found: Sighting[] = [];
  for (const match of text.matchAll(pattern)) {
    const [whole, group] = match;
    const secret = group ?? whole;
    const end = match.index + whole.length;
    const after = text.slice(end, end + AFTER);
    if (isExample(secret) || isReal?.(secret, after) === false) continue;
    const at = match.index + Math.max(0, whole.indexOf(secret));
    found.push(isHeader ? headed(id, secret, after, at) : sightingOf(id, secret, at));
  }
  return found;
}

export const sightingOf = (rule: string, secret: string, at: number): Sighting => ({
  rule,
  masked: masked(secret),
  hint: hintOf(secret),
  at,
});

/** To the end of what may be the key's: what stands behind it makes no other secret of it. */
function headed(rule: string, header: string, after: string, at: number): Sighting {
  const [content = ''] = /^[^-"']*/.exec(after) ?? [];
  return { rule, masked: '', hint: hintOf(header + content), at };
}

const hintOf = (secret: string): string => createHash('sha256').update(secret).digest('hex').slice(0, 4);

/** At most four characters, and at most a quarter of it. */
function masked(secret: string): string {
  const shown = secret.slice(0, Math.min(4, Math.floor(secret.length / 4))).replaceAll(/[^\x21-\x7e]/g, '?');
  return `${shown}…, ${secret.length} characters`;
}
