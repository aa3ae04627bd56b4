/**
 * A blob from another Kiln by what is new in it: put together from what is here and a delta, and taken only if it has the
 * blob's digest. A layer is compressed again: that works for those that Kiln has compressed, with the same zlib; of all others
 * the digest comes out differently, and they are fetched whole.
 */
import { Readable } from 'node:stream';

import { KilnError } from '../../errors/error.ts';
import { codeOf } from '../blobs.ts';
import { compressedBlocks } from '../compress.ts';
import { NetworkFailure } from '../http-watch.ts';
import { compressionOf } from '../media-types.ts';
import type { Answer } from '../http.ts';
import type { Registry } from '../registry.ts';
import type { Descriptor, ImageStore } from '../store.ts';
import { applyDelta } from './apply.ts';
import { encodeChunks, LISTED_CUTS } from './chunks.ts';
import type { Content } from './content.ts';
import { MalformedDelta } from './form.ts';
import { OldChunks } from './matcher.ts';
import { OldBytes } from './old-bytes.ts';

/** The header in which it says from which of the contents that it was asked about. */
export const FROM_HEADER = 'kiln-from';
export const LIST_TYPE = 'application/vnd.dev.kiln.chunks.v1';
/** Below this the request is as long as what it might spare. */
const WORTH_BYTES = 2 << 10;
/** Below this the list of the old chunks is as long as what it might spare. */
const WORTH_LISTING_BYTES = 256 << 10;
const TAR_BLOCK = 1 << 20;
/** A delta is short, and the other side has kept it. */
const ATTEMPTS = 2;

export interface Wanted {
  readonly descriptor: Descriptor;
  /** It is a layer, whose tar the delta makes. */
  readonly isLayer: boolean;
}

export interface TakeOptions {
  readonly store: ImageStore;
  /** Bytes that came over the wire. */
  readonly onMoved: (bytes: number) => void;
}

/** False: it is to be fetched whole. */
export async function takeDelta(
  registry: Registry,
  wanted: Wanted,
  old: readonly Content[],
  options: TakeOptions,
): Promise<boolean> {
  const { digest, size } = wanted.descriptor;
  if (!registry.makesDeltas || old.length === 0 || size < WORTH_BYTES) return false;
  if (await options.store.hasBlob(digest, size)) return true;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await take(registry, wanted, old, options);
    } catch (error) {
      if (isOver(registry, error)) throw error;
      // Compressed by another than Kiln, lied to, or cut off: the whole blob is proven, and fetched with patience.
      if (!(error instanceof NetworkFailure) || attempt === ATTEMPTS) return false;
    }
  }
}

/** Nothing that the other side does ends a pull; that the caller gave up does, and a full disk. */
function isOver({ transport }: Registry, error: unknown): boolean {
  if (transport.signal.aborted) return true;
  if (error instanceof KilnError) return error.code === 'DISK_FULL';
  // Of the system's errors only those of the scratch file come here.
  const isScratch = /^E[A-Z0-9]+$/.test(codeOf(error) ?? '');
  return !(isScratch || error instanceof NetworkFailure || error instanceof MalformedDelta);
}

async function take(registry: Registry, wanted: Wanted, known: readonly Content[], options: TakeOptions): Promise<boolean> {
  const compression = wanted.isLayer ? compressionOf(wanted.descriptor.mediaType) : 'none';
  if (compression === null) return false;
  const begun = (await byName(registry, wanted, known)) ?? (await byChunks(registry, wanted, known, options));
  if (begun === null) return false;
  await using old = begun.old;
  const content = applyDelta(counted(begun.answer.chunks(), options.onMoved), old);
  const blob = compression === 'none' ? content : compressedBlocks(blocksOf(content), compression, () => {});
  const { digest, size } = wanted.descriptor;
  await options.store.putBlob(Readable.from(blob, { objectMode: false }), { digest, size });
  return true;
}

interface Begun {
  readonly answer: Answer;
  readonly old: OldBytes;
}

/** From what both sides have. Null: the other side has none of it. */
async function byName(registry: Registry, wanted: Wanted, known: readonly Content[]): Promise<Begun | null> {
  const from = known.map(({ name }) => name).join(',');
  const answer = await registry.call({
    method: 'GET',
    path: `${pathOf(registry, wanted)}?from=${from}`,
    scopes: [registry.pullScope],
  });
  const names = (answer.headers.get(FROM_HEADER) ?? '').split(',');
  const used = names.map((name) => known.find((content) => content.name === name)).filter((content) => content !== undefined);
  if (answer.status === 200 && used.length === names.length)
    return { answer, old: await OldBytes.gather(used, (bytes) => bytes) };
  answer.cancel();
  return null;
}

/** From what only this side has: the other is told its chunks. */
async function byChunks(
  registry: Registry,
  wanted: Wanted,
  known: readonly Content[],
  { onMoved }: TakeOptions,
): Promise<Begun | null> {
  if (!wanted.isLayer || wanted.descriptor.size < WORTH_LISTING_BYTES) return null;
  const chunks = new OldChunks();
  const old = await OldBytes.gather(known, (content) => chunks.seen(content, LISTED_CUTS));
  const list = encodeChunks(chunks.list);
  const body = { size: list.length, open: () => Readable.from([list]) };
  try {
    const answer = await registry.call({
      method: 'POST',
      path: pathOf(registry, wanted),
      headers: { 'content-type': LIST_TYPE },
      scopes: [registry.pullScope],
      body,
      onSent: onMoved,
    });
    if (answer.status === 200) return { answer, old };
    answer.cancel();
  } catch (error) {
    await old[Symbol.asyncDispose]();
    throw error;
  }
  await old[Symbol.asyncDispose]();
  return null;
}

const pathOf = ({ repository }: Registry, { descriptor }: Wanted): string => `${repository}/_kiln/delta/${descriptor.digest}`;

async function* counted(chunks: AsyncIterable<Uint8Array>, onMoved: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    onMoved(chunk.length);
    yield chunk;
  }
}

/** The tar in the blocks in which Kiln compresses. */
async function* blocksOf(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let block = Buffer.allocUnsafe(TAR_BLOCK);
  let used = 0;
  for await (const bytes of tar) {
    for (let at = 0; at < bytes.length;) {
      const taken = Math.min(bytes.length - at, TAR_BLOCK - used);
      bytes.copy(block, used, at, at + taken);
      [at, used] = [at + taken, used + taken];
      if (used < TAR_BLOCK) continue;
      yield block;
      [block, used] = [Buffer.allocUnsafe(TAR_BLOCK), 0];
    }
  }
  if (used > 0) yield block.subarray(0, used);
}
