import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { requires } from '../../test/requires.ts';
import { hexOf } from '../domain/digest.ts';
import { openImageStore } from '../oci/layout.ts';
import { writeLayer, type LayerEntry } from '../oci/layer-writer.ts';
import type { ImageStore, Layer } from '../oci/store.ts';
import { kilnHome, type Home } from '../platform/home.ts';
import { openLayerMounts, type LayerMounts } from './layers.ts';
import { mounts, unmountUnder } from './mounts.ts';

const NEEDS = requires('root', 'mkfs.erofs');
const OLD = 1_000_000_000;

interface World {
  readonly home: Home;
  readonly store: ImageStore;
  readonly open: () => LayerMounts;
  readonly layer: (...entries: readonly LayerEntry[]) => Promise<Layer>;
  readonly mounted: () => Promise<readonly string[]>;
}

async function world(t: TestContext): Promise<World> {
  const home = kilnHome({ KILN_HOME: mkdtempSync(join(tmpdir(), 'kiln-layers-')) }, 0);
  t.after(async () => {
    await unmountUnder(home.root);
    rmSync(home.root, { recursive: true });
  });
  const store = await openImageStore(home.images);
  return {
    home,
    store,
    open: () => openLayerMounts(home, store),
    layer: (...entries) => writeLayer(store, entries, { epochSeconds: 2 * OLD }),
    mounted: async () => (await mounts()).map(({ target }) => target).filter((target) => target.startsWith(home.root)),
  };
}

const file = (path: string, text: string): LayerEntry => ({
  kind: 'file',
  path,
  content: Buffer.from(text),
  mode: 0o4750,
  uid: 5,
  gid: 6,
  mtimeSeconds: OLD,
});

test('a layer is mounted once, read-only, with owner, mode and time as in the layer', NEEDS, async (t) => {
  const { open, layer, mounted } = await world(t);
  const one = await layer(file('a', 'hello'));
  const layers = open();
  const paths = await Promise.all([1, 2, 3].map(() => layers.ensure(one)));
  assert.equal(new Set(paths).size, 1);
  assert.deepEqual(await mounted(), [paths[0]]);
  const path = join(paths[0] ?? '', 'a');
  const { mode, uid, gid, mtimeMs } = statSync(path);
  assert.deepEqual([mode & 0o7777, uid, gid, mtimeMs], [0o4750, 5, 6, OLD * 1000]);
  assert.equal(readFileSync(path, 'utf8'), 'hello');
  assert.throws(() => writeFileSync(path, ''), /EROFS/);
});

test('a whiteout is what overlayfs takes for one', NEEDS, async (t) => {
  const { open, layer } = await world(t);
  const path = await open().ensure(await layer({ kind: 'whiteout', path: 'gone' }));
  const { rdev, mode } = statSync(join(path, 'gone'));
  assert.equal(rdev, 0);
  assert.equal(mode & 0o170000, 0o020000);
});

test('a new daemon adopts what is mounted, and mounts without unpacking what is not', NEEDS, async (t) => {
  const { home, open, layer, mounted } = await world(t);
  const [one, two] = [await layer(file('a', '1')), await layer(file('a', '2'))];
  const first = open();
  const path = await first.ensure(one);
  const other = await first.ensure(two);
  await unmountUnder(other);
  const before = statSync(join(home.layers, `${hexOf(two.diffId)}.erofs`)).ino;
  const second = open();
  assert.equal(await second.ensure(one), path);
  assert.equal(await second.ensure(two), other);
  assert.equal((await mounted()).length, 2);
  assert.equal(statSync(join(home.layers, `${hexOf(two.diffId)}.erofs`)).ino, before);
});

test('what is in use stays, the rest is unmounted and deleted', NEEDS, async (t) => {
  const { home, open, layer, mounted } = await world(t);
  const [one, two] = [await layer(file('a', '1')), await layer(file('deep/a', '2'))];
  const layers = open();
  const path = await layers.ensure(one);
  await layers.ensure(two);
  assert.deepEqual(await layers.impliedFolders(two), ['deep']);
  await layers.release(new Set([one.diffId]));
  assert.deepEqual(await mounted(), [path]);
  assert.deepEqual(readdirSync(home.layers), [`${hexOf(one.diffId)}.erofs`]);
  await layers.ensure(two);
  assert.equal((await mounted()).length, 2, 'and can be had again');
});

test('an unpacking that a crash cut off is cleaned away by the next', NEEDS, async (t) => {
  const { home, open, layer } = await world(t);
  mkdirSync(join(home.layers, '.work-4194303-abcdef01', 'files'), { recursive: true });
  const one = await layer(file('a', '1'));
  await open().ensure(one);
  assert.deepEqual(readdirSync(home.layers), [`${hexOf(one.diffId)}.erofs`]);
});

test('a layer whose bytes are not what they should be leaves nothing behind', NEEDS, async (t) => {
  const { home, open, layer, mounted } = await world(t);
  const [one, two] = [await layer(file('a', '1')), await layer(file('a', '2'))];
  await assert.rejects(open().ensure({ ...one, diffId: two.diffId }), { code: 'DIGEST_MISMATCH' });
  assert.deepEqual(readdirSync(home.layers), []);
  assert.deepEqual(await mounted(), []);
});

/** From now on only these programs are found. */
function onlyPrograms(t: TestContext, home: Home, names: readonly string[]): void {
  const bin = join(home.root, 'bin');
  mkdirSync(bin);
  for (const name of names) symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(bin, name));
  const before = process.env['PATH'];
  process.env['PATH'] = bin;
  t.after(() => {
    process.env['PATH'] = before;
  });
}

test('where nothing can mount a file, a loop device does', NEEDS, async (t) => {
  const { home, open, layer } = await world(t);
  onlyPrograms(t, home, ['mount', 'umount', 'mkfs.erofs']);
  const path = await open().ensure(await layer(file('a', 'hello')));
  const mount = (await mounts()).find(({ target }) => target === path);
  assert.match(mount?.source ?? '', /^\/dev\/loop/);
  assert.equal(readFileSync(join(path, 'a'), 'utf8'), 'hello');
});

test('where there is no EROFS, the unpacked folder is bound read-only', NEEDS, async (t) => {
  const { home, open, layer, mounted } = await world(t);
  onlyPrograms(t, home, ['mount', 'umount', 'perl']);
  const layers = open();
  const path = await layers.ensure(await layer(file('a', 'hello')));
  assert.equal(readFileSync(join(path, 'a'), 'utf8'), 'hello');
  assert.throws(() => writeFileSync(join(path, 'a'), ''), /EROFS/);
  await layers.release(new Set());
  assert.deepEqual(await mounted(), []);
  assert.deepEqual(readdirSync(home.layers), []);
});
