import assert from 'node:assert/strict';
import { chmod, link, lchown, lutimes, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { requires } from '../../test/requires.ts';
import { openImageStore } from './layout.ts';
import { unpackLayer } from './layer-reader.ts';
import { layerFromFolder } from './layer-writer.ts';
import { testFolder } from './testing/images.ts';
import { treeAt } from './testing/trees.ts';
import { writeXattrs } from './xattrs.ts';

const EPOCH = 2_000_000_000;

interface Item {
  readonly kind: 'file' | 'folder' | 'symlink' | 'hardlink';
  /** Bytes as latin1. */
  readonly name: string;
  /** Index of the folder it is in, among those before it. */
  readonly parent: number;
  readonly mode: number;
  readonly uid: number;
  readonly mtime: number;
  readonly content: Uint8Array;
  readonly xattr: string | null;
}

/** Any byte but NUL and slash. */
const nameByte = fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f);
const name = fc
  .oneof(
    fc.constantFrom('a', 'a.b', 'a-b', 'a b', 'A', 'é'),
    fc.array(nameByte, { minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  )
  .filter((text) => text !== '.' && text !== '..' && !text.startsWith('.wh.'));

const item: fc.Arbitrary<Item> = fc.record({
  kind: fc.constantFrom('file', 'folder', 'symlink', 'hardlink'),
  name,
  parent: fc.nat(20),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.oneof(fc.constant(0), fc.nat(4_000_000)),
  mtime: fc.integer({ min: 0, max: EPOCH }),
  content: fc.uint8Array({ maxLength: 2000 }),
  xattr: fc.option(fc.string({ minLength: 1, maxLength: 50, unit: 'binary-ascii' })),
});

/** Lays the items down; those whose place is taken are left out. */
async function plant(root: string, items: readonly Item[]): Promise<void> {
  const folders: string[] = [''];
  const files: string[] = [];
  const made: [string, Item][] = [];
  const at = (path: string): Buffer => Buffer.from(`${Buffer.from(root).toString('latin1')}${path}`, 'latin1');
  await mkdir(root, { recursive: true });
  for (const item of items) {
    const path = `${folders[item.parent % folders.length] ?? ''}/${item.name}`;
    if (made.some(([other]) => other === path) || path.length > 2000) continue;
    if (item.kind === 'folder') await mkdir(at(path));
    else if (item.kind === 'symlink') await symlink(Buffer.from(item.name, 'latin1'), at(path));
    else if (item.kind === 'hardlink' && files[0] !== undefined) await link(at(files[0]), at(path));
    else await writeFile(at(path), item.content);
    if (item.kind === 'folder') folders.push(path);
    if (item.kind === 'file') files.push(path);
    made.push([path, item]);
  }
  const plain = made.filter(([, item]) => item.kind === 'file' || item.kind === 'folder');
  for (const [path, { uid }] of made) await lchown(at(path), uid, uid);
  for (const [path, { mode }] of plain) await chmod(at(path), mode);
  const noted = plain.flatMap(([path, { xattr }]) =>
    xattr === null ? [] : [[path.slice(1), new Map([['user.note', xattr]])] as const],
  );
  await writeXattrs(root, new Map(noted));
  for (const [path, { mtime }] of made.toReversed()) await lutimes(at(path), mtime, mtime);
}

test('any tree that becomes a layer and is unpacked is the same tree', requires('root', 'getfattr', 'setfattr'), async () => {
  await using folder = await testFolder();
  const store = await openImageStore(join(folder.path, 'store'));
  const [root, out] = [join(folder.path, 'root'), join(folder.path, 'out')];
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 20 }), async (items) => {
      for (const path of [root, out]) await rm(path, { recursive: true, force: true });
      await plant(root, items);
      const layer = await layerFromFolder(store, root, { epochSeconds: EPOCH, overlay: false });
      await unpackLayer(await store.openLayer(layer), out);
      assert.deepEqual(await treeAt(out), await treeAt(root));
      const again = await layerFromFolder(store, out, { epochSeconds: EPOCH, overlay: false });
      assert.deepEqual(again, layer);
    }),
    { numRuns: 60 },
  );
});
