import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import type { LayerEntry } from '../oci/layer-writer.ts';
import { openImageStore } from '../oci/layout.ts';
import type { ImageStore } from '../oci/store.ts';
import { fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { inventoryOf, mergeLayers } from './inventory.ts';
import type { LayerFacts } from './layer-facts.ts';

const signal = new AbortController().signal;
const OS_RELEASE = fileEntry(
  'etc/os-release',
  'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12"\n',
);
const status = (...packages: readonly string[]): LayerEntry =>
  fileEntry(
    'var/lib/dpkg/status',
    packages
      .map(
        (each) =>
          `Package: ${each.split('=')[0]}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${each.split('=')[1]}\n`,
      )
      .join('\n'),
  );
const npmPackage = (name: string, version: string): LayerEntry =>
  fileEntry(`app/node_modules/${name}/package.json`, JSON.stringify({ name, version }));

/** An image of one layer a list, and what is in it. */
async function taken(...layers: readonly (readonly LayerEntry[])[]) {
  await using folder = await testFolder();
  const store = await openImageStore(join(folder.path, 'images'));
  const image = await store.image(await putTestImage(store, layers));
  const inventory = await inventoryOf(store, image, { cacheFolder: folder.path, signal });
  const layerOf = (digest: string): number => image.layers.findIndex(({ diffId }) => diffId === digest);
  return {
    ...inventory,
    told: inventory.packages.map(({ name, version, where }) => `${name} ${version} ${layerOf(where.layer)}`),
  };
}

test('a package is of the layer that brought its version in, however often the database is written anew', async () => {
  const { told, distribution } = await taken([OS_RELEASE, status('bash=5', 'zlib=1')], [status('bash=5', 'zlib=2', 'curl=8')]);
  assert.deepEqual(told, ['bash 5 0', 'curl 8 1', 'zlib 2 1']);
  assert.deepEqual(distribution, { id: 'debian', version: '12', codename: 'bookworm', name: 'Debian GNU/Linux 12' });
});

test('what an upper layer removes or replaces is not there', async () => {
  const base = [npmPackage('a', '1.0.0'), npmPackage('b', '1.0.0'), npmPackage('c', '1.0.0')];
  const removed: LayerEntry = { kind: 'whiteout', path: 'app/node_modules/a' };
  assert.deepEqual((await taken(base, [removed, npmPackage('b', '2.0.0')])).told, ['b 2.0.0 1', 'c 1.0.0 0']);
  assert.deepEqual((await taken(base, [{ kind: 'whiteout', path: 'app' }])).told, []);
  assert.deepEqual((await taken(base, [fileEntry('app', 'a file now')])).told, []);
});

test('a folder that starts anew in an upper layer hides all that was in it', () => {
  const facts: LayerFacts = { files: [], distributions: [], whiteouts: [], opaque: [], unread: [] };
  const file = (path: string, name: string) => ({
    path,
    owner: null,
    packages: [{ type: 'npm', name, version: '1.0.0', license: null, source: null, architecture: null }] as const,
  });
  const lower = { ...facts, files: [file('app/node_modules/a/package.json', 'a'), file('b/node_modules/b/package.json', 'b')] };
  const upper = { ...facts, opaque: ['app'], files: [file('app/node_modules/c/package.json', 'c')] };
  const layers = [lower, upper].map((each, index) => ({ diffId: `sha256:${String(index).repeat(64)}` as Digest, facts: each }));
  assert.deepEqual(
    mergeLayers(layers).packages.map(({ name }) => name),
    ['b', 'c'],
  );
});

test('a package URL names distribution, architecture and scope', async () => {
  const { packages } = await taken([OS_RELEASE, status('g++=4:12.2.0-3'), npmPackage('@a/b', '1.0.0')]);
  assert.deepEqual(
    packages.map(({ purl }) => purl),
    ['pkg:deb/debian/g%2B%2B@4:12.2.0-3?arch=amd64&distro=debian-12', 'pkg:npm/%40a/b@1.0.0'],
  );
});

test("what a distribution's package brings is known as its own", async () => {
  const metadata = fileEntry(
    'usr/lib/python3/dist-packages/requests-2.28.1.egg-info/PKG-INFO',
    'Name: requests\nVersion: 2.28.1\n',
  );
  const list = fileEntry(
    'var/lib/dpkg/info/python3-requests.list',
    '/.\n/usr\n/usr/lib/python3/dist-packages/requests-2.28.1.egg-info/PKG-INFO\n',
  );
  const own = fileEntry('usr/local/lib/python3.11/dist-packages/flask-3.0.dist-info/METADATA', 'Name: Flask\nVersion: 3.0\n');
  const { packages } = await taken([status('python3-requests=2.28.1'), list, metadata], [own, metadata]);
  const owners = packages.filter(({ type }) => type === 'pypi').map(({ name, owner }) => [name, owner]);
  assert.deepEqual(owners, [
    ['Flask', null],
    ['requests', 'python3-requests'],
  ]);
});

test('what cannot be read is told, and takes nothing else along', async () => {
  const { told, unread } = await taken([
    status('bash=5'),
    fileEntry('app/node_modules/x/package.json', '{ not JSON'),
    fileEntry('usr/lib/os-release', 'ID=;rm -rf\n'),
  ]);
  assert.deepEqual([told, unread], [['bash 5 0'], [{ path: 'app/node_modules/x/package.json', why: 'it is not valid JSON' }]]);
});

test('an image is read once: afterwards not one of its layers is opened', async () => {
  await using folder = await testFolder();
  const store = await openImageStore(join(folder.path, 'images'));
  const image = await store.image(await putTestImage(store, [[status('bash=5')], [npmPackage('a', '1.0.0')]]));
  const opened: string[] = [];
  const counting: Pick<ImageStore, 'openLayer'> = {
    openLayer: (layer) => {
      opened.push(layer.diffId);
      return store.openLayer(layer);
    },
  };
  const options = { cacheFolder: folder.path, signal };
  const first = await inventoryOf(counting, image, options);
  assert.deepEqual([await inventoryOf(counting, image, options), opened.length], [first, 2]);
  // One more layer costs itself alone, and a damaged cache no more than reading again.
  await inventoryOf(counting, { layers: [...image.layers, ...image.layers.slice(0, 1)] }, options);
  assert.equal(opened.length, 2);
  for (const kept of await readdir(join(folder.path, 'packages/images'))) {
    await writeFile(join(folder.path, 'packages/images', kept), '{"format":');
  }
  assert.deepEqual([await inventoryOf(counting, image, options), opened.length], [first, 2]);
});
