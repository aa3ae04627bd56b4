/** From records to vulnerabilities: ranges, ratings, names, and what of it is new. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { GatePolicy } from '../domain/gate.ts';
import { subjectOf } from '../gates/testing/subject.ts';
import type { Inventory } from '../sbom/package.ts';
import { affectedImages } from './affected-images.ts';
import { componentsOf } from './components.ts';
import { judge, type Grounds } from './judge.ts';
import { indexOf, vulnerabilitiesOf, type Vulnerability } from './match.ts';
import { ratingOfVector, ratingOfWord } from './severity.ts';
import { isTracker, readTracker } from './sources/debian-tracker.ts';
import { readOsv } from './sources/osv.ts';
import { CRITICAL, inventoryWith, LAYER, LOW, osv, packageOf } from './testing/records.ts';
import type { VexStatement } from './vex/statement.ts';

const all = () => true;
const found = (inventory: Inventory, ...records: readonly unknown[]): readonly Vulnerability[] =>
  vulnerabilitiesOf(componentsOf(inventory), indexOf(records.flatMap((each) => readOsv(each, all)?.affected ?? [])));
const named = (list: readonly Vulnerability[]): readonly string[] => list.map(({ id, name, fixed }) => `${id} ${name} ${fixed}`);
const lodash = inventoryWith(packageOf('npm', 'lodash', '4.17.20'));

test('a package is affected from what introduced it to before what mended it', () => {
  const events = (...list: readonly object[]) =>
    osv('X-1', 'npm', 'lodash', null, {
      affected: [{ package: { ecosystem: 'npm', name: 'lodash' }, ranges: [{ type: 'SEMVER', events: list }] }],
    });
  const cases: readonly (readonly [readonly object[], boolean])[] = [
    [[{ introduced: '0' }, { fixed: '4.17.21' }], true],
    [[{ introduced: '0' }, { fixed: '4.17.20' }], false],
    [[{ introduced: '0' }], true],
    [[{ introduced: '4.17.21' }], false],
    [[{ fixed: '1.0.0' }, { introduced: '0' }, { introduced: '4.17.0' }, { fixed: '5.0.0' }], true],
    [[{ introduced: '0' }, { last_affected: '4.17.20' }], true],
    [[{ introduced: '0' }, { last_affected: '4.17.19' }], false],
    // Fixed in 0: never affected.
    [[{ introduced: '0' }, { fixed: '0' }], false],
    // What can't be read makes nothing safe.
    [[{ introduced: 'the beginning' }], true],
    [[{ introduced: '0' }, { fixed: 'soon' }], true],
    [[], false],
  ];
  for (const [list, expected] of cases) assert.equal(found(lodash, events(...list)).length === 1, expected, JSON.stringify(list));
  assert.deepEqual(named(found(lodash, osv('CVE-2021-1', 'npm', 'lodash', '4.17.21'))), ['CVE-2021-1 lodash 4.17.21']);
});

test('versions that are listed are affected; a version that cannot be read is within every range', () => {
  const listed = osv('X-1', 'npm', 'lodash', null, {
    affected: [{ package: { ecosystem: 'npm', name: 'lodash' }, versions: ['4.17.20'] }],
  });
  assert.equal(found(lodash, listed).length, 1);
  assert.equal(found(inventoryWith(packageOf('npm', 'lodash', 'workspace')), osv('X-1', 'npm', 'lodash', '1.0.0')).length, 1);
});

test('a distribution is asked of its source packages, of its own release, in its own order', () => {
  const packages = ['libssl3', 'openssl'].map((name) =>
    packageOf('deb', name, '3.0.11-1~deb12u2', { source: { name: 'openssl', version: '3.0.11-1~deb12u2' } }),
  );
  const inventory = inventoryWith(...packages);
  const [one, ...more] = found(
    inventory,
    osv('CVE-2024-1', 'Debian:12', 'openssl', '3.0.13-1~deb12u1'),
    osv('CVE-2024-2', 'Debian:11', 'openssl', '9'),
    osv('CVE-2024-3', 'Debian:12', 'openssl', '3.0.11-1~deb12u1'),
    osv('CVE-2024-4', 'npm', 'openssl', null),
  );
  assert.deepEqual([one?.id, one?.packages.map(({ name }) => name), more], ['CVE-2024-1', ['libssl3', 'openssl'], []]);
});

test("what a distribution's package brings is that package's, not the language's", () => {
  const requests = packageOf('pypi', 'requests', '2.28.1');
  const record = osv('CVE-2023-32681', 'PyPI', 'Requests', '2.31.0');
  assert.equal(found(inventoryWith(requests), record).length, 1);
  assert.equal(found(inventoryWith({ ...requests, owner: 'python3-requests' }), record).length, 0);
});

test('a vulnerability that several sources know, by whatever names, is told once, as grave as the gravest of them', () => {
  const [one, ...more] = found(
    lodash,
    osv('GHSA-aaaa-bbbb-cccc', 'npm', 'lodash', '4.17.21', { aliases: ['CVE-2021-23337'], severity: LOW }),
    osv('SNYK-1', 'npm', 'lodash', '4.17.22', { aliases: ['GHSA-aaaa-bbbb-cccc'], severity: CRITICAL }),
  );
  assert.deepEqual(
    [one?.id, one?.aliases, one?.severity, one?.score, one?.fixed, more],
    ['CVE-2021-23337', ['GHSA-aaaa-bbbb-cccc', 'SNYK-1'], 'critical', 9.8, '4.17.21', []],
  );
});

test('an advisory about several is not told beside each of them', () => {
  const curl = inventoryWith(packageOf('deb', 'curl', '1'));
  const advisory = osv('DSA-1-1', 'Debian:12', 'curl', '2', { upstream: ['CVE-2024-1', 'CVE-2024-2'] });
  const parts = ['CVE-2024-1', 'CVE-2024-2'].map((id) => osv(`DEBIAN-${id}`, 'Debian:12', 'curl', '2', { upstream: [id] }));
  assert.deepEqual(named(found(curl, advisory, ...parts)), ['CVE-2024-1 curl 2', 'CVE-2024-2 curl 2']);
  assert.deepEqual(named(found(curl, advisory)), ['DSA-1-1 curl 2']);
});

test('a record that was withdrawn affects nothing; one of another form is none', () => {
  assert.deepEqual(found(lodash, osv('X-1', 'npm', 'lodash', null, { withdrawn: '2024-01-01T00:00:00Z' })), []);
  for (const other of [
    null,
    [],
    'x',
    {},
    { id: 'X-1\u001b[2J' },
    { id: 7 },
    { id: 'X-1', affected: [{ package: { ecosystem: 'npm', name: 'a' }, ranges: 'all' }] },
  ]) {
    assert.equal(readOsv(other, all), null, JSON.stringify(other));
  }
  const hostile = JSON.parse(
    '{"id":"X-1","__proto__":{"affected":[1]},"affected":[{"package":{"ecosystem":"npm","name":"__proto__"},"ranges":[{"type":"SEMVER","events":[{"__proto__":"1","introduced":"0"}]}]}]}',
  ) as unknown;
  assert.deepEqual(found(lodash, hostile), []);
  assert.equal(found(inventoryWith(packageOf('npm', '__proto__', '1.0.0')), hostile).length, 1);
});

test('ratings: CVSS of each version by its scale, and the words of the sources', () => {
  const score = (vector: string) => ratingOfVector(vector)?.score;
  // Of FIRST's examples: CVE-2014-0160, CVE-2021-44228, and v4.0's own.
  assert.equal(score('CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N'), 7.5);
  assert.equal(score('CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H'), 10);
  assert.equal(score('CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H'), 7.8);
  assert.equal(score('CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N'), 9.3);
  assert.equal(score('AV:N/AC:L/Au:N/C:P/I:N/A:N'), 5);
  for (const other of ['', 'CVSS:3.1/', 'CVSS:9.9/AV:N', `CVSS:3.1/${'AV:N/'.repeat(1000)}`])
    assert.equal(ratingOfVector(other), null, other);
  const words = ['MODERATE', 'high**', 'unimportant', 'not yet assigned', 'unknown', 7];
  assert.deepEqual(
    words.map((word) => ratingOfWord(word)?.severity ?? null),
    ['medium', 'high', 'note', null, null, null],
  );
});

test('what Debian calls unimportant is not grave by a score; what nobody has rated is not harmless', () => {
  const bash = inventoryWith(packageOf('deb', 'bash', '5'));
  const minor = osv('CVE-1-1', 'Debian:12', 'bash', null, { severity: CRITICAL });
  const [first] = minor.affected;
  assert.equal(
    found(bash, { ...minor, affected: [{ ...first, ecosystem_specific: { urgency: 'unimportant' } }] })[0]?.severity,
    'note',
  );
  const [unrated] = found(bash, osv('CVE-1-2', 'Debian:12', 'bash', null));
  assert.deepEqual([unrated?.severity, unrated?.rated], ['medium', false]);
});

test("Debian's tracker: open, resolved, never affected, undetermined", () => {
  const issue = (status: string, fixed?: string, urgency = 'high') => ({
    releases: { bookworm: { status, urgency, ...(fixed === undefined ? {} : { fixed_version: fixed }) } },
  });
  const document = {
    bash: {
      'CVE-2024-0001': issue('open'),
      'CVE-2024-0002': issue('resolved', '6'),
      'CVE-2024-0003': issue('resolved', '5'),
      'CVE-2024-0004': issue('resolved', '0'),
      'CVE-2024-0005': issue('undetermined'),
      'CVE-2024-0006': { releases: { bullseye: { status: 'open' } } },
      nonsense: 7,
    },
    __proto__: null,
  };
  assert.ok(isTracker(document) && !isTracker(osv('X-1', 'npm', 'a', null)) && !isTracker([]) && !isTracker({}));
  const { affected, records, unread } = readTracker(document, all);
  const own = vulnerabilitiesOf(componentsOf(inventoryWith(packageOf('deb', 'bash', '5'))), indexOf(affected));
  assert.deepEqual(
    own.map(({ id, severity, fixed }) => [id, severity, fixed]),
    [
      ['CVE-2024-0001', 'high', null],
      ['CVE-2024-0002', 'high', '6'],
      ['CVE-2024-0005', 'note', null],
    ],
  );
  assert.deepEqual([records, unread], [7, 1]);
});

const { policy } = subjectOf();
const grounds = (change: Partial<Grounds>): Grounds => ({ known: [], statements: [], waivers: [], policy, ...change });
const grave = osv('CVE-2024-1', 'npm', 'lodash', '5.0.0', { severity: CRITICAL });
const blocked = (list: ReturnType<typeof judge>): readonly string[] =>
  list.filter(({ finding }) => finding.blocks).map(({ finding }) => finding.rule);

test('only what is new and grave enough keeps an image from being published', () => {
  const mild = osv('CVE-2024-2', 'npm', 'lodash', '5.0.0', { severity: LOW });
  const now = found(lodash, grave, mild);
  assert.deepEqual(blocked(judge(now, grounds({}))), ['CVE-2024-1']);
  assert.deepEqual(blocked(judge(now, grounds({ known: found(lodash, mild) }))), ['CVE-2024-1']);
  assert.deepEqual(blocked(judge(now, grounds({ known: now }))), []);
  // Another version of the same package, or another name of the same vulnerability, is not new.
  const older = found(inventoryWith(packageOf('npm', 'lodash', '4.0.0')), { ...grave, id: 'GHSA-1', aliases: ['CVE-2024-1'] });
  assert.deepEqual(blocked(judge(now, grounds({ known: older }))), []);
  const never: GatePolicy = { ...policy, failAt: { ...policy.failAt, vulnerabilities: 'never' } };
  assert.deepEqual(blocked(judge(now, grounds({ policy: never }))), []);
});

test('a vulnerability keeps its fingerprint over versions and bakes', () => {
  const [one] = judge(found(lodash, grave), grounds({}));
  const [other] = judge(found(inventoryWith(packageOf('npm', 'lodash', '4.0.0')), grave), grounds({}));
  assert.equal(one?.finding.fingerprint, other?.finding.fingerprint);
  assert.match(one?.finding.fix ?? '', /take lodash 5\.0\.0 or later/);
});

test('what nobody has mended may be told only, where the policy says so', () => {
  const unfixed = found(lodash, osv('CVE-2024-3', 'npm', 'lodash', null, { severity: CRITICAL }));
  assert.deepEqual(blocked(judge(unfixed, grounds({}))), ['CVE-2024-3']);
  assert.deepEqual(
    blocked(judge(unfixed, grounds({ policy: { ...policy, vulnerabilities: { ...policy.vulnerabilities, unfixed: 'tell' } } }))),
    [],
  );
});

test('a VEX statement counts for what it names and nothing else, and the later one counts', () => {
  const statement: VexStatement = {
    names: ['CVE-2024-1'],
    status: 'harmless',
    why: 'not called',
    purls: ['pkg:npm/lodash@4.17.20'],
    file: 'web.vex.json',
    at: 1,
  };
  const judged = (...statements: readonly VexStatement[]) => blocked(judge(found(lodash, grave), grounds({ statements }))).length;
  assert.equal(judged(statement), 0);
  assert.equal(judged({ ...statement, purls: [] }), 0);
  assert.equal(judged({ ...statement, purls: ['pkg:npm/lodash'] }), 0);
  assert.equal(judged({ ...statement, purls: ['pkg:npm/lodash@4.17.21'] }), 1);
  assert.equal(judged({ ...statement, purls: ['pkg:npm/other', 'nonsense'] }), 1);
  assert.equal(judged({ ...statement, names: ['CVE-2024-9'] }), 1);
  assert.equal(judged(statement, { ...statement, status: 'affected', at: 2 }), 1);
  assert.equal(judged(statement, { ...statement, status: 'open', at: 0 }), 0);
  const [told] = judge(found(lodash, grave), grounds({ statements: [statement] }));
  assert.match(told?.finding.what ?? '', /no harm here by web\.vex\.json: not called/);
});

test('which images have a vulnerability, and whether their base brought it', () => {
  const vulnerabilities = found(lodash, { ...grave, aliases: ['GHSA-1'] });
  const layer = (diffId: string) => ({ diffId, descriptor: {} }) as never;
  const image = (digest: string, layers: readonly string[]) =>
    ({ digest, layers: layers.map(layer), annotations: { 'org.opencontainers.image.base.digest': 'sha256:base' } }) as never;
  const images = [
    { image: image('sha256:1', [LAYER, 'sha256:x']), vulnerabilities, baseLayers: 1 },
    { image: image('sha256:2', ['sha256:x', LAYER]), vulnerabilities, baseLayers: 1 },
    { image: image('sha256:3', [LAYER]), vulnerabilities: [], baseLayers: 1 },
    { image: image('sha256:4', ['sha256:x']), vulnerabilities, baseLayers: 1 },
  ];
  const told = affectedImages('ghsa-1', images).map(({ digest, layerIndex, base }) => [digest, layerIndex, base]);
  assert.deepEqual(told, [
    ['sha256:1', 0, 'sha256:base'],
    ['sha256:2', 1, null],
    ['sha256:4', null, null],
  ]);
  assert.deepEqual(affectedImages('GHSA-11', images), []);
});
