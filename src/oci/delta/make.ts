/** The delta from what is old to a new content. In memory are the old chunks' places and a few windows at a time. */
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';

import { type Chunk, chunksOf, FINE_CUTS, LISTED_CUTS } from './chunks.ts';
import { type Content, openContent } from './content.ts';
import { type ByteRange, encodeWindow, totalOf, type Window, WINDOW_BYTES } from './form.ts';
import { Gathered } from './gathered.ts';
import { Matcher, OldChunks } from './matcher.ts';
import { OldBytes } from './old-bytes.ts';

/** Of zstd's parameters: log2 of bytes, and of entries. */
const BITS = { least: 17, window: 25, table: 22 } as const;
const IN_FLIGHT = availableParallelism() + 1;
/** So long a stretch that is the same ends a piece in which something is not: it is copied, and not looked through. */
const SAME_BYTES = 128 << 10;

const compress = promisify(zstdCompress);

/** From contents that are here. Throws as reading layers does, and where they are more than is looked through. */
export async function* makeDelta(fresh: Content, contents: readonly Content[]): AsyncGenerator<Buffer> {
  const chunks = new OldChunks();
  const matcher = new Matcher(chunks);
  await using old = await OldBytes.gather(contents, (content) => chunks.seen(content, FINE_CUTS));
  yield* encoded(piecesOf(fresh, matcher), async ({ bytes, ranges }) => {
    const dictionary = await old.read(ranges);
    if (dictionary.equals(bytes)) return { length: bytes.length, ranges, frame: null };
    return { length: bytes.length, ranges, frame: await frameOf(bytes, dictionary) };
  });
}

/** From contents that the other side has told the chunks of: what is the same is copied, all else sent compressed. */
export function makeDeltaFromList(fresh: Content, list: readonly Chunk[]): AsyncGenerator<Buffer> {
  return encoded(foundOrNot(fresh, new OldChunks(list)), async ({ bytes, ranges }) => ({
    length: bytes.length,
    ranges,
    frame: ranges.length > 0 ? null : await frameOf(bytes, null),
  }));
}

interface Piece {
  readonly bytes: Buffer;
  readonly ranges: readonly ByteRange[];
}

/** Cut so that what goes on as the old bytes do is in pieces of its own. */
async function* piecesOf(fresh: Content, matcher: Matcher): AsyncGenerator<Piece> {
  const gathered = new Gathered();
  let [same, isCopy] = [0, true];
  for await (const [chunk, bytes] of chunksOf(openContent(fresh), FINE_CUTS)) {
    const continues = matcher.continues(chunk);
    if (isCopy && !continues && gathered.length > 0) yield { bytes: gathered.take(), ranges: matcher.take() };
    same = continues ? same + chunk.length : 0;
    isCopy &&= continues;
    matcher.add(chunk);
    gathered.add(bytes);
    if (gathered.length < WINDOW_BYTES && (isCopy || same < SAME_BYTES)) continue;
    isCopy = same >= SAME_BYTES;
    same = 0;
    yield { bytes: gathered.take(), ranges: matcher.take() };
  }
  if (gathered.length > 0) yield { bytes: gathered.take(), ranges: matcher.take() };
}

async function* foundOrNot(fresh: Content, chunks: OldChunks): AsyncGenerator<Piece> {
  const unknown = new Gathered();
  let last = -1;
  for await (const [{ hash }, bytes] of chunksOf(openContent(fresh), LISTED_CUTS)) {
    const found = chunks.find(hash, last);
    if (found === null) unknown.add(bytes);
    if (unknown.length >= WINDOW_BYTES || (found !== null && unknown.length > 0)) yield { bytes: unknown.take(), ranges: [] };
    if (found === null) continue;
    yield { bytes, ranges: [chunks.at(found)] };
    last = found;
  }
  if (unknown.length > 0) yield { bytes: unknown.take(), ranges: [] };
}

/** A few windows are made at a time; they come in order, copies that follow each other as one. */
async function* encoded(pieces: AsyncIterable<Piece>, windowOf: (piece: Piece) => Promise<Window>): AsyncGenerator<Buffer> {
  const pending: Promise<Window>[] = [];
  let copy: Window | null = null;
  const told = function* (window: Window): Generator<Buffer> {
    const joined = copy === null ? null : joinedCopies(copy, window);
    if (copy !== null && joined === null) yield encodeWindow(copy);
    if (joined === null && window.frame !== null) yield encodeWindow(window);
    copy = joined ?? (window.frame === null ? window : null);
  };
  for await (const piece of pieces) {
    pending.push(windowOf(piece));
    if (pending.length >= IN_FLIGHT) yield* told(await (pending.shift() as Promise<Window>));
  }
  for (const last of pending) yield* told(await last);
  if (copy !== null) yield encodeWindow(copy);
}

/** Null where one of them is no copy, or the second does not go on where the first ends. */
function joinedCopies(first: Window, second: Window): Window | null {
  const [last, next] = [first.ranges.at(-1), second.ranges[0]];
  if (second.frame !== null || last === undefined || next === undefined || last.end !== next.start) return null;
  const ranges = [...first.ranges.slice(0, -1), { start: last.start, end: next.end }, ...second.ranges.slice(1)];
  return { length: totalOf(ranges), ranges, frame: null };
}

/**
 * zstd's default level, with tables large enough that all of the dictionary is in them: by default they are as small as suits
 * the window, and hold only the dictionary's end.
 */
function frameOf(bytes: Buffer, dictionary: Buffer | null): Promise<Buffer> {
  if (dictionary === null || dictionary.length === 0) return compress(bytes);
  const bits = Math.max(BITS.least, Math.ceil(Math.log2(bytes.length + dictionary.length)));
  const table = Math.min(bits, BITS.table);
  const params = {
    [constants.ZSTD_c_windowLog]: Math.min(bits, BITS.window),
    [constants.ZSTD_c_hashLog]: table,
    [constants.ZSTD_c_chainLog]: table,
  };
  return compress(bytes, { dictionary, params });
}
