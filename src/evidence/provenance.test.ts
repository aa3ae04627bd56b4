import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sha256 } from '../platform/hash.ts';
import { readPredicate, treeOf } from './kinds.ts';
import { provenanceOf, type BakeFacts } from './provenance.ts';

const facts = (some: Partial<BakeFacts> = {}): BakeFacts => ({
  builder: 'https://kiln.dev/builder/local',
  version: '0.1.0',
  service: 'web',
  recipe: { from: 'debian:bookworm' },
  source: { remote: 'https://bot:hunter2@git.example/web.git?token=x', commit: 'a'.repeat(40), clean: true },
  bases: [{ name: 'docker.io/library/node:24', digest: sha256('base') }],
  packages: [
    {
      set: 'debian:bookworm amd64 + nodejs',
      packages: [{ name: 'libstdc++6', version: '1:12.2.0-14+deb12u1', sha256: 'b'.repeat(64) }],
    },
    {
      set: 'debian:bookworm amd64 + npm',
      packages: [{ name: 'libstdc++6', version: '1:12.2.0-14+deb12u1', sha256: 'b'.repeat(64) }],
    },
  ],
  invocation: 'abc123-17',
  startedAt: 1_000,
  finishedAt: 2_000,
  ...some,
});

test('provenance is SLSA v1: what was asked for, what went in by hash, by whom and when', () => {
  const { type, content } = provenanceOf(facts());
  assert.equal(type, 'https://slsa.dev/provenance/v1');
  assert.deepEqual(content, {
    buildDefinition: {
      buildType: 'https://kiln.dev/bake/v1',
      externalParameters: { service: 'web', recipe: { from: 'debian:bookworm' } },
      internalParameters: {},
      resolvedDependencies: [
        {
          name: 'source',
          uri: `git+https://git.example/web.git@${'a'.repeat(40)}`,
          digest: { gitCommit: 'a'.repeat(40) },
          annotations: { tree: 'clean' },
        },
        { name: 'base', uri: 'docker.io/library/node:24', digest: { sha256: sha256('base').slice(7) } },
        {
          name: 'libstdc++6',
          uri: 'pkg:deb/debian/libstdc%2B%2B6@1%3A12.2.0-14%2Bdeb12u1?arch=amd64&distro=bookworm',
          digest: { sha256: 'b'.repeat(64) },
        },
      ],
    },
    runDetails: {
      builder: { id: 'https://kiln.dev/builder/local', version: { kiln: '0.1.0' } },
      metadata: {
        invocationId: 'abc123-17',
        startedOn: '1970-01-01T00:00:01.000Z',
        finishedOn: '1970-01-01T00:00:02.000Z',
      },
    },
  });
  assert.ok(!JSON.stringify(content).includes('hunter2'));
});

test('a tree with changes, or none that git knows, is told as such', () => {
  const tree = (source: BakeFacts['source']) => treeOf(provenanceOf(facts({ source })).content);
  assert.deepEqual(tree({ remote: null, commit: 'c', clean: false }), { commit: 'c', clean: false });
  assert.equal(tree(null), null);
  const said = readPredicate('https://slsa.dev/provenance/v1', provenanceOf(facts()).content);
  assert.equal(said.says, 'git aaaaaaa; inputs: 3; by https://kiln.dev/builder/local');
  assert.equal(said.madeAt, 2_000);
});

test('the fixed time of a reproducible SBOM is none', () => {
  const at = (timestamp: string) => readPredicate('https://cyclonedx.org/bom', { metadata: { timestamp } }).madeAt;
  assert.equal(at('1980-01-01T00:00:00Z'), null);
  assert.equal(at('2026-11-21T00:00:00Z'), Date.parse('2026-11-21T00:00:00Z'));
});

test('nonsense in a predicate is read as saying nothing', () => {
  const types = ['https://slsa.dev/provenance/v1', 'https://cyclonedx.org/bom', 'https://kiln.dev/attestation/gates/v1'];
  const tests = ['https://in-toto.io/attestation/test-result/v0.1', 'https://in-toto.io/attestation/vulns/v0.1', 'x:y'];
  for (const type of [...types, ...tests]) {
    for (const predicate of [
      null,
      1,
      'x',
      [],
      [[]],
      { result: 1, gates: {}, buildDefinition: [] },
      { metadata: { scanFinishedOn: 'soon' } },
    ]) {
      const said = readPredicate(type, predicate);
      assert.equal(said.madeAt, null);
      assert.notEqual(said.passed, true);
    }
  }
});
