import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { EvidenceKind } from '../domain/evidence.ts';
import type { EnvironmentName } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import type { Evidence } from '../evidence/evidence.ts';
import { createKeyPair, type PublicKey } from '../keys/key-pair.ts';
import { sha256 } from '../platform/hash.ts';
import type { Demand } from '../spec/schema/demand.ts';
import { admissionChecks, demandChecks, requireAdmitted, type AdmissionCheck, type Candidate, type Judged } from './admission.ts';
import type { Parts } from './parts.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const DAY = 86_400_000;
const KEY: PublicKey = { ...createKeyPair('p256', null).public, name: 'ci.pub' };
const NOTHING: Demand = { tested: false, 'clean-tree': false };

const piece = (kind: EvidenceKind, some: Partial<Evidence> = {}): Evidence => ({
  artifact: sha256(kind),
  blob: { mediaType: 'x', digest: sha256(kind), size: 1 },
  kind,
  type: kind,
  signatures: 1,
  signedBy: [KEY],
  predicate: null,
  madeAt: NOW,
  passed: null,
  says: 'so',
  trouble: null,
  ...some,
});

const provenance = (tree: string | null, some: Partial<Evidence> = {}): Evidence => {
  const sources = tree === null ? [] : [{ digest: { gitCommit: 'a'.repeat(40) }, annotations: { tree } }];
  return piece('provenance', { predicate: { buildDefinition: { resolvedDependencies: sources } }, ...some });
};

const judge = (demand: Partial<Demand>, evidence: readonly Evidence[], keys: Judged['keys'] = [KEY]): readonly AdmissionCheck[] =>
  demandChecks({ ...NOTHING, ...demand }, { evidence, keys, now: NOW });

/** `met`, or why not, of the one demand made. */
const verdict = (demand: Partial<Demand>, evidence: readonly Evidence[], keys: Judged['keys'] = null): string => {
  const [check, ...more] = judge(demand, evidence, keys);
  assert.ok(check);
  assert.deepEqual(more, []);
  assert.equal(check.hint === '', check.met);
  return check.met ? 'met' : check.why;
};

const cases = (demand: Partial<Demand>, table: readonly (readonly [readonly Evidence[], string])[]): void => {
  for (const [evidence, expected] of table) assert.equal(verdict(demand, evidence), expected);
};

test('what is not demanded is not asked', () => {
  assert.deepEqual(judge({}, [], null), []);
});

test('a signature by a trusted key is demanded of the image itself or its provenance', () => {
  const signed = (evidence: readonly Evidence[]): string => verdict({ 'signed-by': ['ci.pub'] }, evidence, [KEY]);
  assert.equal(signed([piece('signature')]), 'met');
  assert.equal(signed([provenance('clean')]), 'met');
  assert.equal(signed([]), 'it is not signed');
  assert.equal(signed([piece('test', { passed: true })]), 'it is signed, but by none of the keys that are trusted there');
  assert.equal(signed([piece('signature', { signedBy: [] })]), 'it is signed, but by none of the keys that are trusted there');
  assert.equal(
    signed([piece('signature', { trouble: 'about another image' })]),
    'it is signed, but by none of the keys that are trusted there',
  );
});

test('with trusted keys, what others or nobody signed does not count', () => {
  const demand = { 'signed-by': ['ci.pub'], tested: true };
  const checks = judge(demand, [piece('signature'), piece('test', { passed: true, signedBy: [] })]);
  assert.deepEqual(
    checks.map(({ met, why }) => [met, why]),
    [
      [true, `it is signed by ci.pub (${KEY.id.slice(0, 8)})`],
      [false, 'no test result is signed by a key that is trusted there'],
    ],
  );
  // A later result of a stranger overrides nothing, for better or worse.
  const strangers = piece('test', { passed: false, signedBy: [], madeAt: NOW + 1 });
  assert.ok(judge(demand, [piece('signature'), piece('test', { passed: true }), strangers]).every(({ met }) => met));
});

test('the newest test result and the newest verdict of gates decide', () => {
  const failed = piece('test', { passed: false, says: 'FAILED: 1 of 2 tests passed', madeAt: NOW - 1 });
  cases({ tested: true }, [
    [[], 'it has no test result'],
    [[failed], 'its newest test result says FAILED: 1 of 2 tests passed'],
    [[piece('test', { passed: true }), failed], 'met'],
    [[piece('test', { passed: true, madeAt: NOW - 2 }), failed], 'its newest test result says FAILED: 1 of 2 tests passed'],
    [[piece('test', { passed: true, trouble: 'a clock is wrong' })], 'the test result counts for nothing: a clock is wrong'],
  ]);
  cases({ gates: 'pass' }, [
    [[], 'it has no verdict of gates'],
    [[piece('gates', { passed: false, says: 'lint pass, secrets fail' })], 'not all passed: lint pass, secrets fail'],
    [[piece('gates', { passed: true, madeAt: null }), piece('gates', { passed: false, madeAt: null })], 'not all passed: so'],
    [[piece('gates', { passed: true })], 'met'],
  ]);
});

test('a scan is young enough, or its age is told', () => {
  cases({ 'scanned-within': 7 * DAY }, [
    [[], 'it has no vulnerability scan'],
    [[piece('scan', { madeAt: NOW - 7 * DAY })], 'met'],
    [[piece('scan', { madeAt: NOW - 9 * DAY })], 'its newest scan is 9d old, and 7d is allowed'],
    [[piece('scan', { madeAt: null })], 'its vulnerability scan does not say when it was made'],
    [[piece('scan', { madeAt: NOW - 9 * DAY }), piece('scan', { madeAt: NOW + 60_000 })], 'met'],
  ]);
});

test('a clean tree is what provenance says, and nothing else', () => {
  cases({ 'clean-tree': true }, [
    [[], 'it has no provenance'],
    [[provenance('clean')], 'met'],
    [[provenance('dirty')], 'it has changes that are not in git aaaaaaa'],
    [[provenance(null)], 'it was not baked from a git work tree'],
  ]);
});

test('during a freeze nothing is admitted, and who is refused is told until when', async () => {
  const parts = { clock: { now: () => NOW }, lineage: { revoked: () => null }, home: { bake: '/nowhere' } } as unknown as Parts;
  const freeze = { from: '2026-11-20', until: '2026-11-22', zone: 'UTC', why: 'the fair' };
  const checksWith = (freezes: readonly (typeof freeze)[]): Promise<readonly AdmissionCheck[]> => {
    const environment = { name: 'production', demand: null, freezes } as unknown as Candidate['environment'];
    return admissionChecks(parts, { digest: sha256('x'), environment, folder: '/' });
  };
  const [, , frozen] = await checksWith([freeze]);
  assert.deepEqual([frozen?.met, frozen?.why], [false, 'a freeze holds until 2026-11-23 00:00 UTC: the fair']);
  const [, , thawed] = await checksWith([{ ...freeze, until: '2026-11-20' }]);
  assert.equal(thawed?.met, true);
  assert.equal((await checksWith([])).length, 2);
});

test('break-glass overrules what is demanded, all of it told, but no revocation', () => {
  const candidate = { digest: sha256('x'), environment: { name: 'production' as EnvironmentName }, folder: '/' } as Candidate;
  const unmet = (demand: AdmissionCheck['demand']): AdmissionCheck => ({ demand, met: false, why: 'why', hint: 'hint' });
  const [revoked, untested] = [unmet('not-revoked'), unmet('tested')];
  const admitted = (checks: readonly AdmissionCheck[], reason: string | null) =>
    requireAdmitted(checks, candidate, { reason, by: 'ada' });
  assert.equal(admitted([{ ...untested, met: true }], 'outage'), null);
  assert.deepEqual(admitted([untested], 'outage'), { reason: 'outage', by: 'ada', overruled: ['tested'] });
  const isRefusal = (message: RegExp, hint: RegExp) => (error: unknown) =>
    error instanceof KilnError && error.code === 'IMAGE_NOT_ADMITTED' && message.test(error.message) && hint.test(error.hint);
  assert.throws(() => admitted([untested], null), isRefusal(/^production does not take image .*: tested: why$/, /--break-glass/));
  assert.throws(
    () => admitted([revoked, untested], 'outage'),
    isRefusal(/not-revoked: why; tested: why$/, /^(?!.*--break-glass)/),
  );
});
