/** Any two images over a common base: what is told is what laying their layers over each other, one by one, comes to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import type { RawEntry } from '../oci/testing/trees.ts';
import { imageOf, type Images, images } from './testing/images.ts';

type Kind = 'file' | 'folder' | 'symlink' | 'hardlink' | 'whiteout' | 'opaque';

interface Item {
  readonly path: string;
  readonly kind: Kind;
  readonly content: string;
  readonly mode: number;
  readonly uid: number;
}

const name = fc.constantFrom('a', 'a-', 'b', 'é');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const item: fc.Arbitrary<Item> = fc.record({
  path,
  kind: fc.constantFrom('file', 'file', 'folder', 'symlink', 'hardlink', 'whiteout', 'opaque'),
  content: fc.constantFrom('', 'one', 'two'),
  mode: fc.constantFrom(0o644, 0o755),
  uid: fc.constantFrom(0, 1000),
});
const layer = fc.array(item, { maxLength: 6 }).map(possible);
const layers = (most: number): fc.Arbitrary<Layers> => fc.array(layer, { maxLength: most });

/** What one layer can hold at once: one thing a path, and nothing below what is no folder. Links lead to the first file. */
function possible(items: readonly Item[]): readonly Item[] {
  const kept: Item[] = [];
  for (const each of items) {
    const made = kept.filter(({ kind }) => kind !== 'whiteout' && kind !== 'opaque');
    const isMark = each.kind === 'whiteout' || each.kind === 'opaque';
    if (kept.some((other) => other.path === each.path)) continue;
    if (!isMark && made.some((other) => each.path.startsWith(`${other.path}/`) && other.kind !== 'folder')) continue;
    if (each.kind === 'opaque' && made.some((other) => other.kind !== 'folder' && isAtOrBelow(each.path, other.path))) continue;
    if (each.kind !== 'folder' && made.some((other) => other.path.startsWith(`${each.path}/`))) continue;
    if (each.kind === 'hardlink' && !kept.some(({ kind }) => kind === 'file')) continue;
    kept.push(each);
  }
  return kept;
}

const isAtOrBelow = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}/`);
const raw = (text: string): string => Buffer.from(text).toString('latin1');

function entriesOf(items: readonly Item[]): readonly RawEntry[] {
  const file = items.find(({ kind }) => kind === 'file');
  return items.map(({ path: at, kind, content, mode, uid }): RawEntry => {
    const own = raw(at);
    const [parent, base] = [own.slice(0, own.lastIndexOf('/') + 1), own.slice(own.lastIndexOf('/') + 1)];
    switch (kind) {
      case 'file':
        return { path: own, content, mode, uid };
      case 'folder':
        return { path: `${own}/`, kind, mode, uid };
      case 'symlink':
        return { path: own, kind, target: content === '' ? 'nowhere' : content, mode: 0o777, uid };
      case 'hardlink':
        return { path: own, kind, target: raw(file?.path ?? ''), mode: 0o600 };
      case 'whiteout':
        return { path: `${parent}.wh.${base}` };
      case 'opaque':
        return { path: `${own}/.wh..wh..opq` };
    }
  });
}

/** What is at a path, as a text; `inode` is the same for names of one file. */
interface Node {
  readonly told: string;
  readonly isFolder: boolean;
  readonly inode: string;
}

const FOLDER = (mode: number, uid: number): Node => ({ told: `folder ${mode} ${uid}`, isFolder: true, inode: '' });

/** Layer by layer, as overlayfs shows them; written apart from the code under test. */
function laidOver(all: readonly (readonly Item[])[]): Map<string, Node> {
  const tree = new Map<string, Node>();
  const drop = (top: string, itself: boolean): void => {
    for (const at of tree.keys()) if (at.startsWith(`${top}/`) || (itself && at === top)) tree.delete(at);
  };
  for (const [index, items] of all.entries()) {
    for (const { path: at, kind } of items) {
      if (kind === 'whiteout' || (kind !== 'folder' && kind !== 'opaque')) drop(at, true);
      if (kind === 'opaque') drop(at, false);
    }
    const first = items.find(({ kind }) => kind === 'file');
    for (const each of items.filter(({ kind }) => kind !== 'whiteout' && kind !== 'opaque')) {
      const parts = each.path.split('/');
      for (let depth = 1; depth < parts.length; depth++) {
        const folder = parts.slice(0, depth).join('/');
        if (tree.get(folder)?.isFolder !== true && !items.some((other) => other.path === folder && other.kind === 'folder')) {
          tree.set(folder, FOLDER(0o755, 0));
        }
      }
      tree.set(each.path, nodeOf(each, first ?? each, index));
    }
  }
  return tree;
}

function nodeOf(each: Item, first: Item, layerIndex: number): Node {
  if (each.kind === 'folder') return FOLDER(each.mode, each.uid);
  if (each.kind === 'symlink') return { told: `symlink ${each.content} ${each.uid}`, isFolder: false, inode: '' };
  const file = each.kind === 'hardlink' ? first : each;
  return { told: `file ${file.content} ${file.mode} ${file.uid}`, isFolder: false, inode: `${layerIndex} ${file.path}` };
}

/** Path → what it is, with the first of the names of a file that has several. */
function toldOf(tree: Map<string, Node>): Map<string, string> {
  return new Map(
    [...tree].map(([at, { told, inode }]) => {
      const names = [...tree].filter(([, other]) => inode !== '' && other.inode === inode).map(([other]) => raw(other));
      const other = names.toSorted()[0];
      return [at, `${told}${other === undefined || other === raw(at) ? '' : ` also ${other}`}`];
    }),
  );
}

type Layers = readonly (readonly Item[])[];

async function agrees({ compare }: Images, base: Layers, one: Layers, two: Layers): Promise<void> {
  const [first, second] = [
    [...base, ...one],
    [...base, ...two],
  ];
  const [left, right] = [toldOf(laidOver(first)), toldOf(laidOver(second))];
  const paths = [...new Set([...left.keys(), ...right.keys()])].filter((at) => left.get(at) !== right.get(at));
  const { files } = await compare(imageOf(first.map(entriesOf)), imageOf(second.map(entriesOf)));
  const listed = files.listed.map((each) => each.path);
  assert.deepEqual(listed.toSorted(), paths.map((at) => `/${at}`).toSorted());
  assert.equal(files.added, paths.filter((at) => !left.has(at)).length);
  assert.equal(files.removed, paths.filter((at) => !right.has(at)).length);
  assert.equal(files.changed, paths.filter((at) => left.has(at) && right.has(at)).length);
}

test('added, removed and changed are exactly what is so', async () => {
  await using made = await images();
  const worlds = fc.asyncProperty(layers(2), layers(2), layers(2), (...world) => agrees(made, ...world));
  await fc.assert(worlds, { numRuns: 200 });
});

test('also where the upper layers touch the same paths, and the base is not looked at', async () => {
  await using made = await images();
  const other = (items: readonly Item[], odd: number): readonly Item[] =>
    items.map((each, index) => ((index + odd) % 2 === 0 ? { ...each, content: `${each.content}!`, mode: 0o700 } : each));
  const worlds = fc.asyncProperty(layers(2), layers(2), fc.nat(1), (base, one, odd) =>
    agrees(
      made,
      base,
      one,
      one.map((items) => other(items, odd)),
    ),
  );
  await fc.assert(worlds, { numRuns: 200 });
});

test('what is folded away is counted where it is folded, and the way back is the way there', async () => {
  await using made = await images();
  await fc.assert(
    fc.asyncProperty(layers(2), layers(2), async (one, two) => {
      const [first, second] = [imageOf(one.map(entriesOf)), imageOf(two.map(entriesOf))];
      const whole = await made.compare(first, second);
      const folded = await made.compare(first, second, { all: false });
      const within = folded.files.listed.reduce((sum, { below }) => sum + (below?.entries ?? 0), 0);
      assert.equal(folded.files.listed.length + within, whole.files.listed.length);
      const back = await made.compare(second, first);
      assert.deepEqual(
        [back.files.added, back.files.removed, back.files.changed, back.files.grownBytes + whole.files.grownBytes],
        [whole.files.removed, whole.files.added, whole.files.changed, 0],
      );
    }),
    { numRuns: 100 },
  );
});
