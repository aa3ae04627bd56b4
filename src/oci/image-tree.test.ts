import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sha256 } from '../platform/hash.ts';
import { type ImageTree, readImageFiles, treeOf } from './image-tree.ts';
import { type LayerListing, listingReader } from './layer-listing.ts';
import { scanLayer } from './layer-scan.ts';
import { writeLayer } from './layer-writer.ts';
import { openImageStore } from './layout.ts';
import type { Digest } from '../domain/digest.ts';
import type { Image, ImageStore, Layer } from './store.ts';
import { configOf, fileEntry, putTestImage, testFolder } from './testing/images.ts';
import { type RawEntry, tarOf } from './testing/trees.ts';

const signal = new AbortController().signal;

async function imageOf(...layers: readonly (readonly RawEntry[])[]) {
  const folder = await testFolder();
  const store = await openImageStore(folder.path);
  const stored: Layer[] = [];
  for (const entries of layers) {
    const tar = tarOf(...entries);
    const { digest, size } = await store.putBlob(tar);
    stored.push({ descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size }, diffId: digest });
  }
  const image = await store.image(await store.putImage(configOf(stored), stored, {}));
  return { store, image, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function treeIn({ store, image }: { store: ImageStore; image: Pick<Image, 'layers'> }): Promise<ImageTree> {
  const listings: LayerListing[] = [];
  for (const layer of image.layers) {
    const reader = listingReader({ contents: true });
    await scanLayer(store, layer, reader);
    listings.push(reader.listing());
  }
  return treeOf(listings);
}

test('upper layers replace, whiteouts and opaque folders hide, links keep their target’s content', async () => {
  await using made = await imageOf(
    [
      { path: 'etc/', kind: 'folder' },
      { path: 'etc/a', content: 'one' },
      { path: 'etc/b', content: 'two' },
      { path: 'opt/', kind: 'folder' },
      { path: 'opt/deep/x', content: 'x' },
      { path: 'var/', kind: 'folder' },
      { path: 'var/old', content: 'old' },
    ],
    [
      { path: 'etc/a', content: 'three' },
      { path: 'etc/.wh.b' },
      { path: 'opt', kind: 'symlink', target: 'etc' },
      { path: 'var/new', content: 'new' },
      { path: 'var/.wh..wh..opq' },
      { path: 'var/again', kind: 'hardlink', target: 'var/new' },
    ],
  );
  const tree = await treeIn(made);
  assert.deepEqual([...tree.keys()].toSorted(), ['', 'etc', 'etc/a', 'opt', 'var', 'var/again', 'var/new']);
  assert.deepEqual([tree.get('etc/a')?.layer, tree.get('etc/a')?.content], [1, sha256('three')]);
  assert.deepEqual([tree.get('var/again')?.content, tree.get('var/again')?.size], [sha256('new'), 3]);
  const files = await readImageFiles(made.store, made.image, () => true, { maxBytes: 4, signal });
  assert.deepEqual(
    [...files].map(([path, content]) => [path, content.toString()]),
    [['var/new', 'new']],
    'etc/a is too long now, etc/b hidden, opt/deep/x below what became a link',
  );
});

test('what lies in a folder implies the folder, in the place of what lower layers have there', async () => {
  await using made = await imageOf(
    [
      { path: 'a', kind: 'symlink', target: 'elsewhere' },
      { path: 'b/', kind: 'folder', mode: 0o700 },
    ],
    [
      { path: 'a/x/y', content: 'y' },
      { path: 'b/z', content: 'z' },
    ],
  );
  const tree = await treeIn(made);
  assert.deepEqual([...tree.keys()].toSorted(), ['', 'a', 'a/x', 'a/x/y', 'b', 'b/z']);
  assert.deepEqual([tree.get('a')?.kind, tree.get('a')?.mode, tree.get('b')?.mode], ['folder', 0o755, 0o700]);
});

test('a layer that is not what its digest says is an error, not an answer', async () => {
  await using folder = await testFolder();
  const store = await openImageStore(folder.path);
  const image = await store.image(await putTestImage(store, [[fileEntry('a', 'a')]]));
  const [layer] = image.layers;
  assert.ok(layer !== undefined);
  const other = await writeLayer(store, [fileEntry('b', 'b')], { epochSeconds: 0 });
  const lying = { layers: [{ ...other, diffId: layer.diffId }] };
  await assert.rejects(treeIn({ store, image: lying }), { code: 'DIGEST_MISMATCH' });
  const renamed = { layers: [{ ...layer, diffId: `sha256:${'0'.repeat(64)}` as Digest }] };
  await assert.rejects(treeIn({ store, image: renamed }), { code: 'DIGEST_MISMATCH' });
});
