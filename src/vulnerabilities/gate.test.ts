/** The gate, as a bake runs it: sources, baseline, VEX, scanners. */
import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';

import type { GateReport, GateSubject } from '../gates/contract.ts';
import { runGates } from '../gates/run.ts';
import { recipeOf, subjectOf } from '../gates/testing/subject.ts';
import { openImageStore } from '../oci/layout.ts';
import type { Image } from '../oci/store.ts';
import { fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { systemClock } from '../platform/clock.ts';
import { sbomGate } from '../sbom/gate.ts';
import { vulnerabilitiesGate } from './gate.ts';
import { CRITICAL, osv } from './testing/records.ts';

const NONE: ReadonlySet<string> = new Set();
const NOW = Date.UTC(2026, 10, 21);

interface Trial {
  readonly folder: string;
  readonly image: (...packages: readonly string[]) => Promise<Image>;
  readonly judged: (image: Image, change?: Partial<GateSubject>, sources?: readonly string[]) => Promise<GateReport>;
}

/** A machine with these records in its home, and images with npm packages, `name@version`. */
async function trial(records: readonly object[], run: (trial: Trial) => Promise<void>): Promise<void> {
  await using folder = await testFolder();
  const home = join(folder.path, 'vulnerabilities');
  if (records.length > 0) {
    await mkdir(home);
    await writeFile(join(home, 'records.json'), JSON.stringify(records));
  }
  const store = await openImageStore(join(folder.path, 'images'));
  await run({
    folder: folder.path,
    async image(...packages) {
      const entries = packages.map((each) => {
        const [name = '', version = ''] = each.split('@');
        return fileEntry(`app/node_modules/${name}/package.json`, JSON.stringify({ name, version }));
      });
      return store.image(await putTestImage(store, [entries]));
    },
    async judged(image, change = {}, sources = []) {
      const base = subjectOf({
        store,
        image,
        now: NOW,
        cacheFolder: join(folder.path, 'cache'),
        recipe: recipeOf({}, { folder: folder.path }),
      });
      const policy = { ...base.policy, vulnerabilities: { ...base.policy.vulnerabilities, sources } };
      const gates = [sbomGate, vulnerabilitiesGate(home)];
      const { reports } = await runGates(gates, { ...base, policy, ...change }, { clock: systemClock, onEvent: () => {} });
      return reports[1] as GateReport;
    },
  });
}

const grave = osv('CVE-2024-1', 'npm', 'lodash', '5.0.0', { severity: CRITICAL });
const statement = (product: string) => ({
  '@context': 'https://openvex.dev/ns/v0.2.0',
  '@id': 'https://example.org/vex/1',
  author: 'ada',
  timestamp: '2026-01-01T00:00:00Z',
  version: 1,
  statements: [
    {
      vulnerability: { name: 'CVE-2024-1' },
      products: [{ '@id': 'pkg:oci/web', subcomponents: [{ '@id': product }] }],
      status: 'not_affected',
      justification: 'vulnerable_code_not_in_execute_path',
    },
  ],
});

test('without any data the gate is skipped and says what to do: it never passes in silence', () =>
  trial([], async ({ image, judged }) => {
    const { verdict, why, predicates } = await judged(await image('lodash@4.17.20'));
    assert.deepEqual([verdict, predicates], ['skipped', []]);
    assert.match(why, /no data about vulnerabilities: name sources/);
  }));

test('a new vulnerability keeps an image from being published; one of the image before does not', () =>
  trial([grave], async ({ image, judged }) => {
    const [clean, vulnerable] = [await image('lodash@5.0.0'), await image('lodash@4.17.20')];
    const report = await judged(vulnerable, { baseline: { image: clean, excused: NONE } });
    assert.equal(report.verdict, 'fail');
    assert.match(report.why, /^1 known vulnerability, 1 of them new, 1 too grave; data of 2026-11-20$/);
    assert.deepEqual(report.findings[0]?.where.path, '/app/node_modules/lodash/package.json');
    assert.equal(report.predicates[0]?.type, 'https://in-toto.io/attestation/vulns/v0.2');
    assert.equal((await judged(clean)).verdict, 'pass');
    const same = await judged(await image('lodash@4.17.19'), { baseline: { image: vulnerable, excused: NONE } });
    assert.deepEqual([same.verdict, same.findings.length], ['pass', 1]);
    assert.match(same.findings[0]?.what ?? '', /not new/);
  }));

test('what only a waiver let into the image before is asked for again when the waiver has ended, its line there or not', () =>
  trial([grave], async ({ image, judged }) => {
    const published = await image('lodash@4.17.20');
    const next = await image('lodash@4.17.20', 'a@1.0.0');
    const waiver = (until: string) => [{ finding: 'CVE-2024-1', path: null, reason: 'accepted by ada', until, line: 1 }];
    const first = await judged(published, { waivers: waiver('2026-12-01') });
    assert.deepEqual([first.verdict, first.findings[0]?.waiver?.reason], ['pass', 'accepted by ada']);
    const excused = new Set(first.findings.filter((each) => each.waiver !== null).map(({ fingerprint }) => fingerprint));

    const after = { baseline: { image: published, excused }, now: NOW + 20 * 86_400_000 };
    assert.equal((await judged(next, { ...after, waivers: waiver('2027-12-01') })).verdict, 'pass', 'a longer one');
    assert.equal((await judged(next, after)).verdict, 'fail', 'the line was taken out');
    const ended = await judged(next, { ...after, waivers: waiver('2026-12-01') });
    assert.equal(ended.verdict, 'fail');
    const told = ended.findings.find(({ rule }) => rule === 'CVE-2024-1')?.what ?? '';
    assert.match(told, /its waiver, "accepted by ada", ended on 2026-12-01/);
    const unknown = { baseline: { image: published, excused: NONE }, now: after.now };
    assert.equal((await judged(next, { ...unknown, waivers: waiver('2026-12-01') })).verdict, 'fail', 'of reports that are gone');
    assert.equal((await judged(next, unknown)).verdict, 'pass', 'by its own right');
  }));

test('old data, and packages that no data knows, are said loudly', () =>
  trial([grave], async ({ image, judged }) => {
    const { why, findings } = await judged(await image('a@1.0.0'), { now: NOW + 30 * 86_400_000 });
    assert.match(why, /no known vulnerability; data of 2026-11-20; the data is 31 days old/);
    assert.deepEqual(
      findings.map(({ rule, severity, blocks }) => [rule, severity, blocks]),
      [['vulnerability-data-incomplete', 'high', false]],
    );
  }));

test('VEX documents beside kiln.yaml are heard, OpenVEX and CycloneDX; one that is neither is an error', () =>
  trial([grave], async ({ folder, image, judged }) => {
    const vulnerable = await image('lodash@4.17.20');
    const verdictWith = async (document: unknown): Promise<string> => {
      await writeFile(join(folder, 'web.vex.json'), typeof document === 'string' ? document : JSON.stringify(document));
      return (await judged(vulnerable)).verdict;
    };
    assert.equal(await verdictWith(statement('pkg:npm/lodash@4.17.20')), 'pass');
    assert.equal(await verdictWith(statement('pkg:npm/other')), 'fail');
    const analysis = { state: 'not_affected', justification: 'code_not_reachable' };
    const bom = { bomFormat: 'CycloneDX', specVersion: '1.6', components: [{ 'bom-ref': 'l', purl: 'pkg:npm/lodash@4.17.20' }] };
    assert.equal(
      await verdictWith({ ...bom, vulnerabilities: [{ id: 'CVE-2024-1', analysis, affects: [{ ref: 'l' }] }] }),
      'pass',
    );
    assert.equal(await verdictWith({ ...bom, vulnerabilities: [{ id: 'CVE-2024-1', affects: [{ ref: 'l' }] }] }), 'fail');
    for (const other of ['{', '{}', '[]']) {
      await writeFile(join(folder, 'web.vex.json'), other);
      const { verdict, why } = await judged(vulnerable);
      assert.equal(verdict, 'fail', other);
      assert.match(why, /web\.vex\.json can't be used/, other);
    }
  }));

test('a source that is asked for and can not be used fails the gate', () =>
  trial([grave], async ({ folder, image, judged }) => {
    const vulnerable = await image('lodash@5.0.0');
    await writeFile(join(folder, 'empty.json'), '[]');
    for (const source of [join(folder, 'nowhere'), join(folder, 'empty.json')]) {
      const { verdict, why } = await judged(vulnerable, {}, [source]);
      assert.equal(verdict, 'fail');
      assert.ok(why.includes(source), why);
    }
  }));

const TRIVY = {
  SchemaVersion: 2,
  ArtifactName: 'layout',
  ArtifactType: 'container_image',
  Results: [
    {
      Target: 'Node.js',
      Class: 'lang-pkgs',
      Type: 'node-pkg',
      Vulnerabilities: [
        {
          VulnerabilityID: 'CVE-2021-23337',
          PkgName: 'lodash',
          PkgPath: 'app/node_modules/lodash/package.json',
          InstalledVersion: '4.17.20',
          FixedVersion: '4.17.21',
          Status: 'fixed',
          Layer: { DiffID: 'sha256:0' },
          Severity: 'HIGH',
          Title: 'nodejs-lodash: command injection via template',
          PrimaryURL: 'https://avd.aquasec.com/nvd/cve-2021-23337',
          CVSS: { nvd: { V3Vector: 'CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H', V3Score: 7.2 } },
        },
      ],
    },
    { Target: 'debian', Class: 'os-pkgs' },
  ],
};
const GRYPE = {
  matches: [
    {
      vulnerability: {
        id: 'GHSA-35jh-r3h4-6jhm',
        dataSource: 'https://github.com/advisories/GHSA-35jh-r3h4-6jhm',
        severity: 'High',
        description: 'Command Injection in lodash',
        cvss: [{ version: '3.1', vector: '', metrics: { baseScore: 7.2 } }],
        fix: { versions: ['4.17.21'], state: 'fixed' },
      },
      relatedVulnerabilities: [{ id: 'CVE-2021-23337' }],
      matchDetails: [],
      artifact: {
        name: 'lodash',
        version: '4.17.20',
        type: 'npm',
        purl: 'pkg:npm/lodash@4.17.20',
        locations: [{ path: '/app/node_modules/lodash/package.json' }],
      },
    },
  ],
  descriptor: { name: 'grype', version: '0.100.0' },
};

/** A program of that name that answers so, where the machine has not the real one. */
async function withProgram(name: string, body: string, folder: string, run: () => Promise<void>): Promise<void> {
  const programs = join(folder, 'programs');
  await mkdir(programs, { recursive: true });
  await writeFile(join(programs, name), `#!/bin/sh\n${body}`);
  await chmod(join(programs, name), 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${programs}${delimiter}${path}`;
  try {
    await run();
  } finally {
    process.env['PATH'] = path;
  }
}

test('Trivy and Grype are asked about this very image, and their reports judged like all others', () =>
  trial([], async ({ folder, image, judged }) => {
    const vulnerable = await image('lodash@4.17.20');
    // The layout that they get has one image, whose blobs are there.
    const checked = (layout: string) =>
      `set -e\nlayout=${layout}\ngrep -q ${vulnerable.digest} "$layout/index.json"\ntest -s "$layout/blobs/sha256/${vulnerable.digest.slice(7)}"\n`;
    const programs = {
      trivy: `${checked('$3')}while [ "$1" != --output ]; do shift; done\ncat > "$2" <<'END'\n${JSON.stringify(TRIVY)}\nEND\n`,
      grype: `${checked('${1#oci-dir:}')}while [ "$1" != --file ]; do shift; done\ncat > "$2" <<'END'\n${JSON.stringify(GRYPE)}\nEND\n`,
    };
    for (const [name, body] of Object.entries(programs)) {
      await withProgram(name, body, folder, async () => {
        const { verdict, why, findings } = await judged(vulnerable, {}, [name]);
        assert.deepEqual([verdict, why], ['fail', `1 known vulnerability, 1 of them new, 1 too grave; ${name}`]);
        assert.deepEqual([findings[0]?.rule, findings[0]?.severity], ['CVE-2021-23337', 'high']);
        assert.match(findings[0]?.fix ?? '', /4\.17\.21 or later/);
      });
      await withProgram(name, 'echo "no database" >&2\nexit 1\n', folder, async () => {
        const { verdict, why } = await judged(vulnerable, {}, [name]);
        assert.equal(verdict, 'fail');
        assert.match(why, /could not scan the image.*no database/s);
      });
    }
  }));

test('a scanner that is asked for and not installed fails the gate', () =>
  trial([grave], async ({ folder, image, judged }) => {
    const clean = await image('lodash@5.0.0');
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    try {
      const { verdict, why } = await judged(clean, {}, ['trivy']);
      assert.equal(verdict, 'fail');
      assert.match(why, /"trivy" is not installed/);
    } finally {
      process.env['PATH'] = path;
    }
  }));
