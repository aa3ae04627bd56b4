/** The gate `vulnerabilities`: an image that brings in a known one is not published; those that were there before are told. */
import type { Json } from '../domain/json.ts';
import type { Baseline, Finding, Gate, GateResult, GateSubject } from '../gates/contract.ts';
import { findingOf } from '../gates/finding.ts';
import type { Image } from '../oci/store.ts';
import { version } from '../platform/version.ts';
import { inventoryOf } from '../sbom/inventory.ts';
import { assess, type Assessment } from './assess.ts';
import { fingerprintsOf, judge, type Judged } from './judge.ts';
import type { Vulnerability } from './match.ts';
import { readVex } from './vex/read.ts';

/** in-toto attestation, predicates/vuln.md, version 0.2. */
const PREDICATE = 'https://in-toto.io/attestation/vulns/v0.2';

export const NO_DATA =
  'there is no data about vulnerabilities: name sources under image.gates.vulnerabilities, or put OSV archives or the Debian tracker’s JSON into vulnerabilities/ of KILN_HOME';

/** `homeFolder`: the sources of this machine, where kiln.yaml names none. */
export const vulnerabilitiesGate = (homeFolder: string): Gate => ({
  name: 'vulnerabilities',
  needs: ['sbom'],
  async run(subject) {
    const assessment = await assessed(subject, subject.image, homeFolder);
    if (assessment === null) return { findings: [], why: NO_DATA, skipped: true, predicates: [] };
    const known = subject.baseline === null ? [] : await knownIn(subject, subject.baseline, homeFolder);
    const statements = await readVex(subject.recipe.folder);
    const judged = judge(assessment.vulnerabilities, { known, statements, waivers: subject.waivers, policy: subject.policy });
    return resultOf(assessment, judged, subject);
  },
});

async function assessed(subject: GateSubject, image: Image, homeFolder: string): Promise<Assessment | null> {
  const { store, policy } = subject;
  const inventory = await inventoryOf(store, image, subject);
  return assess({ store, image, inventory }, { ...subject, policy: policy.vulnerabilities, homeFolder });
}

/** What the baseline has by its own right: not what a waiver or a statement let in, which may have ended. */
async function knownIn(
  subject: GateSubject,
  { image, excused }: Baseline,
  homeFolder: string,
): Promise<readonly Vulnerability[]> {
  const found = (await assessed(subject, image, homeFolder))?.vulnerabilities ?? [];
  return found.filter((each) => !fingerprintsOf(each).some((fingerprint) => excused.has(fingerprint)));
}

function resultOf(assessment: Assessment, judged: readonly Judged[], subject: GateSubject): GateResult {
  const doubts = assessment.doubts.map((doubt) => doubtFinding(doubt, subject));
  return {
    findings: [...doubts, ...judged.map(({ finding }) => finding)],
    why: [counts(judged), dataOf(assessment), ...assessment.doubts].join('; '),
    predicates: [{ type: PREDICATE, content: predicateOf(assessment, judged, subject.now) }],
  };
}

function counts(judged: readonly Judged[]): string {
  const [all, fresh] = [judged.length, judged.filter(({ isNew }) => isNew).length];
  if (all === 0) return 'no known vulnerability';
  const blocking = judged.filter(({ finding }) => finding.blocks).length;
  return `${all} known ${all === 1 ? 'vulnerability' : 'vulnerabilities'}, ${fresh} of them new${blocking === 0 ? '' : `, ${blocking} too grave`}`;
}

function dataOf({ database, scanners }: Assessment): string {
  const own = database?.newest == null ? [] : [`data of ${new Date(database.newest).toISOString().slice(0, 10)}`];
  return [...own, ...scanners].join(' and ');
}

/** Loud, and no reason to stop a bake: the vulnerabilities that are known are judged. */
function doubtFinding(doubt: string, { policy }: GateSubject): Finding {
  const rule = 'vulnerability-data-incomplete';
  const fix = 'bring newer or more data: image.gates.vulnerabilities.sources, or vulnerabilities/ of KILN_HOME';
  const where = { path: null, layer: null };
  const finding = findingOf(
    { gate: 'vulnerabilities', rule, severity: 'high', what: doubt, where, fix },
    [doubt.replaceAll(/[0-9]/g, '')],
    policy,
  );
  return { ...finding, blocks: false };
}

function predicateOf({ database, scanners }: Assessment, judged: readonly Judged[], now: number): Json {
  const time = new Date(now).toISOString();
  return {
    scanner: {
      uri: scanners.length === 0 ? 'pkg:generic/kiln' : scanners.map((each) => `pkg:generic/${each}`).join(' '),
      version: version(),
      db:
        database === null
          ? {}
          : {
              version: database.digest,
              ...(database.newest === null ? {} : { lastUpdate: new Date(database.newest).toISOString() }),
            },
      result: judged.map(({ vulnerability, isNew, statement }) => ({
        id: vulnerability.id,
        severity: [
          { method: 'kiln', score: vulnerability.severity },
          ...(vulnerability.score === null ? [] : [{ method: 'cvss', score: String(vulnerability.score) }]),
        ],
        annotations: [
          {
            aliases: vulnerability.aliases,
            packages: vulnerability.packages.map(({ purl }) => purl),
            fixed: vulnerability.fixed,
            new: isNew,
            vex: statement === null ? null : { status: statement.status, why: statement.why, file: statement.file },
          },
        ],
      })),
    },
    metadata: { scanStartedOn: time, scanFinishedOn: time },
  };
}
