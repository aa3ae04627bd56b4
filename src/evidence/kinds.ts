/** Which predicates Kiln knows, and what it reads in each: when it was made, what it says in a line, whether all is well. */
import type { EvidenceKind } from '../domain/evidence.ts';
import type { Json } from '../domain/json.ts';

export interface Reading {
  /** When it was made, as it says itself; ms since the epoch. Null: it does not say. */
  readonly madeAt: number | null;
  /** Null: it is no verdict. */
  readonly passed: boolean | null;
  /** In one line, for people. A stranger's text: made harmless where it is shown. */
  readonly says: string;
}

interface Known {
  readonly kind: EvidenceKind;
  readonly types: readonly string[];
  readonly read: (predicate: Json) => Reading;
}

export const PROVENANCE_TYPE = 'https://slsa.dev/provenance/v1';
/** Kiln's own: the verdict of every gate of one bake. */
export const GATES_TYPE = 'https://kiln.dev/attestation/gates/v1';
export const BUILD_TYPE = 'https://kiln.dev/bake/v1';
/** What `cosign sign` of version 3 states. */
const COSIGN_SIGN_TYPE = 'https://sigstore.dev/cosign/sign/v1';

const KNOWN: readonly Known[] = [
  {
    kind: 'signature',
    types: [COSIGN_SIGN_TYPE],
    read: () => ({ madeAt: null, passed: null, says: 'the image, and nothing more' }),
  },
  { kind: 'provenance', types: [PROVENANCE_TYPE], read: readProvenance },
  {
    kind: 'sbom',
    types: ['https://cyclonedx.org/bom', 'https://spdx.dev/Document', 'https://spdx.dev/Document/v2.3'],
    read: readSbom,
  },
  { kind: 'test', types: ['https://in-toto.io/attestation/test-result/v0.1'], read: readTest },
  {
    kind: 'scan',
    types: [
      'https://in-toto.io/attestation/vulns/v0.1',
      'https://in-toto.io/attestation/vulns/v0.2',
      'https://cosign.sigstore.dev/attestation/vuln/v1',
    ],
    read: readScan,
  },
  { kind: 'gates', types: [GATES_TYPE], read: readGates },
];

export function kindOf(type: string): EvidenceKind {
  return KNOWN.find(({ types }) => types.includes(type))?.kind ?? 'other';
}

export function readPredicate(type: string, predicate: Json): Reading {
  const known = KNOWN.find(({ types }) => types.includes(type));
  return known?.read(predicate) ?? { madeAt: momentAt(predicate, 'timestamp'), passed: null, says: type };
}

/** Whether git says that nothing was changed since the commit. Null: the provenance names no commit. */
export function treeOf(predicate: Json): { readonly commit: string; readonly clean: boolean } | null {
  const sources = listAt(predicate, 'buildDefinition', 'resolvedDependencies').filter((each) => commitOf(each) !== null);
  const commit = sources[0] === undefined ? null : commitOf(sources[0]);
  if (commit === null) return null;
  return { commit, clean: sources.every((each) => textAt(each, 'annotations', 'tree') === 'clean') };
}

const commitOf = (dependency: Json): string | null =>
  textAt(dependency, 'digest', 'gitCommit') ?? textAt(dependency, 'digest', 'sha1');

function readProvenance(predicate: Json): Reading {
  const builder = textAt(predicate, 'runDetails', 'builder', 'id') ?? 'an unnamed builder';
  const tree = treeOf(predicate);
  const from = tree === null ? 'no commit' : `git ${tree.commit.slice(0, 7)}${tree.clean ? '' : ', with changes'}`;
  const inputs = listAt(predicate, 'buildDefinition', 'resolvedDependencies').length;
  const madeAt =
    momentAt(predicate, 'runDetails', 'metadata', 'finishedOn') ?? momentAt(predicate, 'runDetails', 'metadata', 'startedOn');
  return { madeAt, passed: null, says: `${from}; inputs: ${inputs}; by ${builder}` };
}

/** Documents that are the same on any day bear the first day that zip archives can express, or an earlier one. */
const FIXED_TIME_MS = 315_532_800_000;

function readSbom(predicate: Json): Reading {
  const parts = [...listAt(predicate, 'components'), ...listAt(predicate, 'packages')].length;
  const format = textAt(predicate, 'bomFormat') ?? textAt(predicate, 'spdxVersion') ?? 'SBOM';
  const version = textAt(predicate, 'specVersion');
  const madeAt = momentAt(predicate, 'metadata', 'timestamp') ?? momentAt(predicate, 'creationInfo', 'created');
  const told = madeAt !== null && madeAt > FIXED_TIME_MS ? madeAt : null;
  return { madeAt: told, passed: null, says: `${parts} components, ${format}${version === null ? '' : ` ${version}`}` };
}

function readTest(predicate: Json): Reading {
  const result = textAt(predicate, 'result');
  const [passed, failed] = [listAt(predicate, 'passedTests').length, listAt(predicate, 'failedTests').length];
  const counts = `${passed} of ${passed + failed} tests passed`;
  return {
    madeAt: timeOf(predicate),
    passed: result === 'PASSED',
    says: result === 'PASSED' ? counts : `${result ?? 'no result'}: ${counts}`,
  };
}

function readScan(predicate: Json): Reading {
  const found = listAt(predicate, 'scanner', 'result').length;
  const scanner = textAt(predicate, 'scanner', 'uri') ?? 'an unnamed scanner';
  return { madeAt: timeOf(predicate), passed: null, says: `${found} vulnerabilities listed by ${scanner}` };
}

function readGates(predicate: Json): Reading {
  const gates = listAt(predicate, 'gates');
  const passed = gates.length > 0 && gates.every((gate) => ['pass', 'skipped'].includes(textAt(gate, 'verdict') ?? ''));
  return { madeAt: timeOf(predicate), passed, says: gates.map(verdictOf).join(', ') };
}

const verdictOf = (gate: Json): string => `${textAt(gate, 'gate') ?? '?'} ${textAt(gate, 'verdict') ?? '?'}`;

/** Where the predicates' authors put the time; the end rather than the start. */
const TIMES: readonly (readonly string[])[] = [
  ['metadata', 'scanFinishedOn'],
  ['metadata', 'finishedOn'],
  ['finishedOn'],
  ['metadata', 'scanStartedOn'],
  ['metadata', 'startedOn'],
  ['timestamp'],
];

function timeOf(predicate: Json): number | null {
  for (const path of TIMES) {
    const at = momentAt(predicate, ...path);
    if (at !== null) return at;
  }
  return null;
}

function valueAt(value: Json, ...path: readonly string[]): Json {
  let found = value;
  for (const key of path) {
    if (found === null || typeof found !== 'object' || Array.isArray(found) || !Object.hasOwn(found, key)) return null;
    found = (found as Readonly<Record<string, Json>>)[key] ?? null;
  }
  return found;
}

function textAt(value: Json, ...path: readonly string[]): string | null {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : null;
}

function listAt(value: Json, ...path: readonly string[]): readonly Json[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** RFC 3339 only: what else Date.parse takes depends on who parses. */
function momentAt(value: Json, ...path: readonly string[]): number | null {
  const text = textAt(value, ...path);
  const at = text !== null && MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isFinite(at) ? at : null;
}
