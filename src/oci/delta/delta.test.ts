/** What is made from a delta is what the delta was made of, whatever was changed; and nothing else is made of a damaged one. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { sha256 } from '../../platform/hash.ts';
import { testFolder } from '../testing/images.ts';
import { applyDelta } from './apply.ts';
import { type Chunk, chunksOf, decodeChunks, encodeChunks, FINE_CUTS, LISTED_CUTS } from './chunks.ts';
import type { Content } from './content.ts';
import { encodeWindow, MalformedDelta, type Window, windowsOf } from './form.ts';
import { makeDelta, makeDeltaFromList } from './make.ts';
import { OldChunks } from './matcher.ts';
import { OldBytes } from './old-bytes.ts';

async function contentOf(folder: string, bytes: Buffer): Promise<Content> {
  const name = sha256(bytes);
  const path = join(folder, name.slice(7));
  await writeFile(path, bytes);
  return { name, path, layer: null };
}

async function* piecesOf(bytes: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

const listOf = async <T>(each: AsyncIterable<T>): Promise<readonly T[]> => (await Readable.from(each).toArray()) as T[];
const all = async (pieces: AsyncIterable<Buffer>): Promise<Buffer> => Buffer.concat(await listOf(pieces));

const chunksIn = async (bytes: Buffer, piece: number): Promise<readonly Chunk[]> =>
  (await listOf(chunksOf(piecesOf(bytes, piece), LISTED_CUTS))).map(([chunk]) => chunk);

/** Of the old: stretches of it, and new bytes between them. */
const edits = fc.array(
  fc.oneof(
    fc.record({ from: fc.nat(300_000), length: fc.nat(200_000) }),
    fc.record({ fresh: fc.integer({ min: 1, max: 50_000 }) }),
    fc.record({ zeros: fc.integer({ min: 1, max: 300_000 }) }),
  ),
  { maxLength: 8 },
);

type Edit = { from: number; length: number } | { fresh: number } | { zeros: number };

const edited = (old: Buffer, changes: readonly Edit[]): Buffer =>
  Buffer.concat(
    changes.map((change) => {
      if ('fresh' in change) return randomBytes(change.fresh);
      return 'zeros' in change ? Buffer.alloc(change.zeros) : old.subarray(change.from, change.from + change.length);
    }),
  );

test('whatever was changed, both kinds of delta make the new bytes', async () => {
  await using folder = await testFolder();
  const old = Buffer.concat([randomBytes(200_000), Buffer.alloc(40_000), randomBytes(60_000)]);
  const second = randomBytes(50_000);
  const contents = [await contentOf(folder.path, old), await contentOf(folder.path, second)];
  await fc.assert(
    fc.asyncProperty(edits, async (changes) => {
      const fresh = edited(Buffer.concat([old, second]), changes);
      const content = await contentOf(folder.path, fresh);
      const chunks = new OldChunks();
      await using bytes = await OldBytes.gather(contents, (each) => chunks.seen(each, LISTED_CUTS));
      for (const delta of [makeDelta(content, contents), makeDeltaFromList(content, chunks.list), makeDelta(content, [])]) {
        assert.ok((await all(applyDelta(delta, bytes))).equals(fresh));
      }
    }),
    { numRuns: 15 },
  );
});

test('what is the same costs next to nothing', async () => {
  await using folder = await testFolder();
  const content = await contentOf(folder.path, randomBytes(10_000_000));
  assert.ok((await all(makeDelta(content, [content]))).length < 20);
});

const WINDOWS: readonly Window[] = [
  {
    length: 300,
    ranges: [
      { start: 0, end: 100 },
      { start: 2 ** 33, end: 2 ** 33 + 200 },
    ],
    frame: null,
  },
  { length: 7, ranges: [], frame: Buffer.from('any bytes') },
];

test('windows are read as they were written, in pieces of any length, and not cut off at any byte', async () => {
  const bytes = Buffer.concat(WINDOWS.map(encodeWindow));
  const boundary = encodeWindow(WINDOWS[0] as Window).length;
  for (const piece of [1, 7, 1000]) assert.deepEqual(await listOf(windowsOf(piecesOf(bytes, piece), 2 ** 34)), WINDOWS);
  for (let length = 1; length < bytes.length; length += 1) {
    if (length === boundary) continue;
    await assert.rejects(listOf(windowsOf(piecesOf(bytes.subarray(0, length), 5), 2 ** 34)), MalformedDelta, String(length));
  }
});

test('windows that no delta has are refused before anything is held for them', async () => {
  const range = { start: 0, end: 100 };
  const frame = Buffer.from('frame');
  const wrong: readonly Buffer[] = [
    encodeWindow({ length: 99, ranges: [range], frame: null }),
    encodeWindow({ length: 1, ranges: [{ start: 1_000, end: 1_001 }], frame: null }),
    encodeWindow({ length: 2 ** 40, ranges: [], frame }),
    encodeWindow({ length: 1, ranges: Array.from({ length: 9_000 }, () => range), frame }),
    Buffer.alloc(20, 0xff),
  ];
  for (const bytes of wrong) await assert.rejects(listOf(windowsOf(piecesOf(bytes, 1000), 1_000)), MalformedDelta);
});

test('chunks depend on the content alone, and what is inserted moves few of them', async () => {
  const bytes = randomBytes(3_000_000);
  const chunks = await chunksIn(bytes, 65_536);
  assert.deepEqual(await chunksIn(bytes, 1_000), chunks);
  assert.deepEqual(await chunksIn(bytes, 3_000_000), chunks);
  assert.equal(
    chunks.reduce((sum, { length }) => sum + length, 0),
    bytes.length,
  );
  const inserted = await chunksIn(
    Buffer.concat([bytes.subarray(0, 1_000_000), Buffer.from('x'), bytes.subarray(1_000_000)]),
    65_536,
  );
  const known = new Set(chunks.map(({ hash }) => hash));
  assert.ok(inserted.filter(({ hash }) => !known.has(hash)).length <= 3);
  assert.deepEqual(decodeChunks(encodeChunks(chunks)), chunks);
  assert.equal(decodeChunks(Buffer.alloc(19)), null);
  for await (const [{ length }] of chunksOf(piecesOf(bytes, 1_000_000), FINE_CUTS)) assert.ok(length <= FINE_CUTS.largest);
});
