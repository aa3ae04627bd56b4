/**
 * Whether an image may be deployed into an environment: one list of all that is asked of it, met or not, each with why and
 * what to do. A rollback asks none of this but the revocation (law 5: the way back stays open), not even during a freeze.
 */
import { basename } from 'node:path';

import { shortDigest, type Digest } from '../domain/digest.ts';
import type { EvidenceKind } from '../domain/evidence.ts';
import type { BrokenGlass } from '../domain/release.ts';
import { whyRevoked, type Revocation } from '../domain/revocation.ts';
import { KilnError } from '../errors/error.ts';
import { evidenceOf, type Evidence } from '../evidence/evidence.ts';
import { treeOf } from '../evidence/kinds.ts';
import { readPublicKey, type PublicKey } from '../keys/key-pair.ts';
import { frozenAt } from '../spec/calendar.ts';
import type { ResolvedEnvironment } from '../spec/environment.ts';
import { readInFolder } from '../spec/load.ts';
import type { Demand } from '../spec/schema/demand.ts';
import type { Parts } from './parts.ts';
import { refusalOf } from './publishable.ts';

export interface AdmissionCheck {
  /** In the words of kiln.yaml. */
  readonly demand: 'not-revoked' | 'not-refused' | 'not-frozen' | keyof Demand;
  readonly met: boolean;
  readonly why: string;
  /** What to do; empty where it is met. */
  readonly hint: string;
}

export interface Candidate {
  readonly digest: Digest;
  readonly environment: ResolvedEnvironment;
  /** Of kiln.yaml. */
  readonly folder: string;
}

/** Everything that is asked of the image there, in one order. Throws for keys that can't be read. */
export async function admissionChecks(
  parts: Parts,
  { digest, environment, folder }: Candidate,
): Promise<readonly AdmissionCheck[]> {
  const now = parts.clock.now();
  const always = [
    notRevoked(parts.lineage.revoked(digest)),
    notRefused(await refusalOf(parts, digest)),
    ...notFrozen(environment, now),
  ];
  const { demand } = environment;
  if (demand === null) return always;
  const keys = await keysOf(demand, environment, folder);
  const evidence = await evidenceOf(parts.images, digest, { keys: keys ?? [], now });
  return [...always, ...demandChecks(demand, { evidence, keys, now })];
}

export interface Judged {
  readonly evidence: readonly Evidence[];
  /** Those that are trusted; null: no signature is demanded, and what is unsigned counts too. */
  readonly keys: readonly PublicKey[] | null;
  readonly now: number;
}

/** Pure. A check for each demand that is made. */
export function demandChecks(demand: Demand, judged: Judged): readonly AdmissionCheck[] {
  const within = demand['scanned-within'];
  return [
    ...(judged.keys === null ? [] : [signedBy(judged, judged.keys)]),
    ...(demand.tested ? [tested(judged)] : []),
    ...(within === undefined ? [] : [scannedWithin(judged, within)]),
    ...(demand['clean-tree'] ? [cleanTree(judged)] : []),
    ...(demand.gates === undefined ? [] : [gatesPassed(judged)]),
  ];
}

/** Null: nothing had to be overruled. Throws IMAGE_NOT_ADMITTED with every refusal, or where break-glass is no help. */
export function requireAdmitted(
  checks: readonly AdmissionCheck[],
  { digest, environment }: Candidate,
  glass: { readonly reason: string | null; readonly by: string },
): BrokenGlass | null {
  const refused = checks.filter(({ met }) => !met);
  if (refused.length === 0) return null;
  const overruled = refused.map(({ demand }) => demand);
  if (glass.reason !== null && !overruled.includes('not-revoked')) return { reason: glass.reason, by: glass.by, overruled };
  const hints = refused.map(({ demand, hint }) => `${demand}: ${hint}`).join('; ');
  const way = overruled.includes('not-revoked') ? '' : '; in an emergency --break-glass "REASON" overrules it, for all to see';
  const why = refused.map(({ demand, why }) => `${demand}: ${why}`).join('; ');
  throw new KilnError('IMAGE_NOT_ADMITTED', `${environment.name} does not take image ${shortDigest(digest)}: ${why}`, {
    hint: `${hints}${way}`,
  });
}

const met = (demand: AdmissionCheck['demand'], why: string): AdmissionCheck => ({ demand, met: true, why, hint: '' });
const unmet = (demand: AdmissionCheck['demand'], why: string, hint: string): AdmissionCheck => ({
  demand,
  met: false,
  why,
  hint,
});

function notRevoked(revocation: Revocation | null): AdmissionCheck {
  if (revocation === null) return met('not-revoked', 'it is not revoked');
  return unmet('not-revoked', `it was ${whyRevoked(revocation)}`, 'bake another image; nothing overrules a revocation');
}

function notRefused(refusal: string | null): AdmissionCheck {
  if (refusal === null) return met('not-refused', 'no gate of its last bake refused it');
  return unmet(
    'not-refused',
    `its last bake was refused: ${refusal}`,
    'mend the recipe and bake again: `kiln bake` shows each finding',
  );
}

/** Where there are no freezes, nothing is said of them. */
function notFrozen({ freezes }: ResolvedEnvironment, now: number): readonly AdmissionCheck[] {
  if (freezes.length === 0) return [];
  const frozen = frozenAt(freezes, now);
  if (frozen === null) return [met('not-frozen', 'no freeze holds')];
  const until = new Date(frozen.until).toISOString().slice(0, 16).replace('T', ' ');
  return [unmet('not-frozen', `a freeze holds until ${until} UTC: ${frozen.why}`, 'deploy then; a rollback is not held up')];
}

async function keysOf(
  { 'signed-by': files }: Demand,
  environment: ResolvedEnvironment,
  folder: string,
): Promise<readonly PublicKey[] | null> {
  if (files === undefined) return null;
  const what = `environments.${environment.name}.demand.signed-by`;
  return Promise.all(files.map(async (file) => readPublicKey(await readInFolder(folder, file, what), basename(file))));
}

/** What counts: nothing wrong with it and, where keys are trusted, signed by one of them. */
const counting = ({ evidence, keys }: Judged): readonly Evidence[] =>
  evidence.filter(({ trouble, signedBy }) => trouble === null && (keys === null || signedBy.length > 0));

/** The newest as it says itself; of two that do not differ the one that came later. */
const newest = (judged: Judged, kind: EvidenceKind): Evidence | undefined =>
  counting(judged)
    .filter((each) => each.kind === kind)
    .toSorted((a, b) => (a.madeAt ?? 0) - (b.madeAt ?? 0))
    .at(-1);

function signedBy(judged: Judged, keys: readonly PublicKey[]): AdmissionCheck {
  const signed = counting(judged).find(({ kind }) => kind === 'signature' || kind === 'provenance');
  const [by] = signed?.signedBy ?? [];
  if (by !== undefined) return met('signed-by', `it is signed by ${by.name} (${by.id.slice(0, 8)})`);
  const others = judged.evidence.filter(({ signatures }) => signatures > 0).length;
  const why = others === 0 ? 'it is not signed' : 'it is signed, but by none of the keys that are trusted there';
  const trusted = keys.map(({ name, id }) => `${name} (${id.slice(0, 8)})`).join(', ');
  return unmet('signed-by', why, `bake it where the private key of one of these is: ${trusted}`);
}

/** There is nothing to go by: none, none that counts, or something is wrong with it. `hint`: how to come by one. */
function lacking(
  { evidence, keys }: Judged,
  { demand, kind, name, hint }: { demand: keyof Demand; kind: EvidenceKind; name: string; hint: string },
): AdmissionCheck {
  const there = evidence.filter((each) => each.kind === kind);
  const trouble = there.find((each) => each.trouble !== null)?.trouble ?? null;
  if (trouble !== null) return unmet(demand, `the ${name} counts for nothing: ${trouble}`, hint);
  if (there.length === 0 || keys === null) return unmet(demand, `it has no ${name}`, hint);
  const trust = 'bake it where a key that is trusted there is, or add the key that signed it to signed-by';
  return unmet(demand, `no ${name} is signed by a key that is trusted there`, trust);
}

function tested(judged: Judged): AdmissionCheck {
  const result = newest(judged, 'test');
  const hint = 'write tests under image.test in kiln.yaml and bake again';
  if (result === undefined) return lacking(judged, { demand: 'tested', kind: 'test', name: 'test result', hint });
  return result.passed === true
    ? met('tested', result.says)
    : unmet('tested', `its newest test result says ${result.says}`, hint);
}

function scannedWithin(judged: Judged, withinMs: number): AdmissionCheck {
  const scan = newest(judged, 'scan');
  const hint = 'bake again: the gate of vulnerabilities scans anew';
  if (scan === undefined) return lacking(judged, { demand: 'scanned-within', kind: 'scan', name: 'vulnerability scan', hint });
  if (scan.madeAt === null) return unmet('scanned-within', 'its vulnerability scan does not say when it was made', hint);
  const ageMs = Math.max(0, judged.now - scan.madeAt);
  const age = `its newest scan is ${spanText(ageMs)} old`;
  return ageMs <= withinMs
    ? met('scanned-within', age)
    : unmet('scanned-within', `${age}, and ${spanText(withinMs)} is allowed`, hint);
}

function cleanTree(judged: Judged): AdmissionCheck {
  const provenance = newest(judged, 'provenance');
  const hint = 'commit what is to be deployed, and bake again';
  if (provenance === undefined) return lacking(judged, { demand: 'clean-tree', kind: 'provenance', name: 'provenance', hint });
  const tree = treeOf(provenance.predicate);
  if (tree === null) return unmet('clean-tree', 'it was not baked from a git work tree', hint);
  const commit = `git ${tree.commit.slice(0, 7)}`;
  return tree.clean
    ? met('clean-tree', `it is of ${commit}`)
    : unmet('clean-tree', `it has changes that are not in ${commit}`, hint);
}

function gatesPassed(judged: Judged): AdmissionCheck {
  const verdicts = newest(judged, 'gates');
  const hint = 'bake again: `kiln bake` shows each finding with its fix';
  if (verdicts === undefined) return lacking(judged, { demand: 'gates', kind: 'gates', name: 'verdict of gates', hint });
  return verdicts.passed === true ? met('gates', verdicts.says) : unmet('gates', `not all passed: ${verdicts.says}`, hint);
}

const SPANS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

/** `9d`, `3h`: the largest unit, as kiln.yaml writes it. */
function spanText(ms: number): string {
  const [unit, size] = SPANS.find(([, size]) => ms >= size) ?? ['s', 1000];
  return `${Math.floor(ms / size)}${unit}`;
}
