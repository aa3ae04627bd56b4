import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CONFIG_BYTES, MANIFEST_BYTES, mediaTypeOf, parseConfig, parseIndex, parseManifest } from './schema.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;
const CONFIG = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: DIGEST, size: 2 };
const LAYER = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: DIGEST, size: 5 };
const MANIFEST = { schemaVersion: 2, config: CONFIG, layers: [LAYER] };
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test('a manifest is read with what Kiln knows of it, and unknown members are allowed', () => {
  const manifest = parseManifest(
    json({ ...MANIFEST, artifactType: 'x', layers: [{ ...LAYER, urls: [] }], annotations: null }),
    'm',
  );
  assert.deepEqual(manifest, {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: CONFIG,
    layers: [LAYER],
    annotations: {},
  });
});

test("Docker's schema 2 is an image, too", () => {
  const docker = {
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: { ...CONFIG, mediaType: 'application/vnd.docker.container.image.v1+json' },
    layers: [{ ...LAYER, mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' }],
  };
  assert.equal(parseManifest(json(docker), 'm').layers.length, 1);
});

const HOSTILE: readonly [why: string, manifest: unknown][] = [
  ['a negative size', { ...MANIFEST, layers: [{ ...LAYER, size: -1 }] }],
  ['a size beyond all disks', { ...MANIFEST, layers: [{ ...LAYER, size: 2 ** 50 }] }],
  ['a size that is no whole number', { ...MANIFEST, layers: [{ ...LAYER, size: 1.5 }] }],
  ['a size as text', { ...MANIFEST, layers: [{ ...LAYER, size: '5' }] }],
  ['a configuration of a gigabyte', { ...MANIFEST, config: { ...CONFIG, size: 2 ** 30 } }],
  ['a digest that is a path', { ...MANIFEST, layers: [{ ...LAYER, digest: 'sha256:../../etc/passwd' }] }],
  ['a digest of another algorithm', { ...MANIFEST, layers: [{ ...LAYER, digest: `md5:${'0'.repeat(32)}` }] }],
  ['an upper-case digest', { ...MANIFEST, layers: [{ ...LAYER, digest: `sha256:${'A'.repeat(64)}` }] }],
  ['an unknown layer type', { ...MANIFEST, layers: [{ ...LAYER, mediaType: 'text/plain' }] }],
  ['a layer type that objects inherit', { ...MANIFEST, layers: [{ ...LAYER, mediaType: 'constructor' }] }],
  [
    'a layer that lies elsewhere',
    { ...MANIFEST, layers: [{ ...LAYER, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }] },
  ],
  ["an artifact's configuration", { ...MANIFEST, config: { ...CONFIG, mediaType: 'application/vnd.oci.empty.v1+json' } }],
  ['another schema version', { ...MANIFEST, schemaVersion: 1 }],
  ['too many layers', { ...MANIFEST, layers: Array.from({ length: 257 }, () => LAYER) }],
  ['no layers', { ...MANIFEST, layers: undefined }],
  ['no object', []],
  ['null', null],
];

for (const [why, manifest] of HOSTILE) {
  test(`a manifest with ${why} is refused`, () => {
    assert.throws(() => parseManifest(json(manifest), 'm'), { code: 'IMAGE_INVALID' });
  });
}

test('what is no JSON, no UTF-8 or too long is refused', () => {
  for (const bytes of [Buffer.from('{'), Buffer.from([0xff, 0xfe]), Buffer.alloc(MANIFEST_BYTES + 1, 0x20), Buffer.alloc(0)]) {
    assert.throws(() => parseManifest(bytes, 'm'), { code: 'IMAGE_INVALID' });
    assert.throws(() => parseIndex(bytes, 'i'), { code: 'IMAGE_INVALID' });
  }
  assert.throws(() => parseConfig(Buffer.alloc(CONFIG_BYTES + 1, 0x20), 'c'), { code: 'IMAGE_INVALID' });
});

test('a document that is manifest and index at once is refused, as tools would read it differently', () => {
  assert.throws(() => mediaTypeOf(json({ ...MANIFEST, manifests: [] }), 'm'), { code: 'IMAGE_INVALID' });
});

test('a configuration as Docker writes it, full of nulls, is read without them', () => {
  const config = parseConfig(
    json({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['sh'], Entrypoint: null, Labels: null, ExposedPorts: { '80/tcp': {} }, Volumes: null },
      rootfs: { type: 'layers', diff_ids: [DIGEST] },
    }),
    'c',
  );
  assert.deepEqual(config.config, { Cmd: ['sh'], ExposedPorts: { '80/tcp': {} } });
});

test('a configuration needs no config, but a platform and its layers', () => {
  const least = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } };
  assert.deepEqual(parseConfig(json(least), 'c').config, {});
  for (const member of ['architecture', 'os', 'rootfs']) {
    assert.throws(() => parseConfig(json({ ...least, [member]: undefined }), 'c'), { code: 'IMAGE_INVALID' });
  }
});
