/**
 * Content-defined chunks: a stream is cut where its content says so, so that what is inserted or removed moves no cut but those
 * around it (the gear hash of "FastCDC", USENIX ATC 2016, without its normalisation). Both sides must cut alike: the constants
 * are part of the form that `kiln serve` sends.
 */
import { createHash } from 'node:crypto';

const SMALLEST_CHUNK = 4 << 10;
const LARGEST_CHUNK = 64 << 10;
/** A cut at every 8 KiB on average beyond the smallest. */
const CUT_MASK = (8 << 10) - 1;
/** The start of a SHA-256: enough to find what is the same. What is right, the layer's own digest says. */
const HASH_BYTES = 8;

export interface Chunk {
  readonly hash: string;
  readonly offset: number;
  readonly length: number;
}

/** 256 fixed random numbers of 31 bits, from a digest so that nobody has to believe them. */
const GEAR = Uint32Array.from({ length: 256 }, (_, at) => createHash('sha256').update(`gear ${at}`).digest().readUInt32LE(0));

/** The chunks of a stream in order; `onBytes` sees each with its content. */
export async function* chunksOf(
  stream: AsyncIterable<Uint8Array>,
  onBytes: (bytes: Buffer) => Promise<void>,
): AsyncGenerator<Chunk> {
  let held = Buffer.alloc(0);
  let offset = 0;
  const take = async (length: number): Promise<Chunk> => {
    const bytes = held.subarray(0, length);
    held = held.subarray(length);
    await onBytes(bytes);
    const chunk = { hash: hashOf(bytes), offset, length };
    offset += length;
    return chunk;
  };
  for await (const piece of stream) {
    held = held.length === 0 ? Buffer.from(piece) : Buffer.concat([held, piece]);
    // Until a whole chunk is sure to be there.
    while (held.length >= LARGEST_CHUNK) yield await take(cutOf(held));
  }
  while (held.length > 0) yield await take(cutOf(held));
}

const hashOf = (bytes: Uint8Array): string =>
  createHash('sha256')
    .update(bytes)
    .digest('hex')
    .slice(0, 2 * HASH_BYTES);

/** The length of the first chunk. */
function cutOf(bytes: Buffer): number {
  const end = Math.min(bytes.length, LARGEST_CHUNK);
  let hash = 0;
  for (let at = SMALLEST_CHUNK; at < end; at += 1) {
    hash = ((hash << 1) + (GEAR[bytes[at] ?? 0] ?? 0)) | 0;
    // The upper bits have seen more of what came before.
    if (((hash >>> 16) & CUT_MASK) === 0) return at + 1;
  }
  return end;
}

const ENTRY_BYTES = HASH_BYTES + 2;

/** As it goes over the wire: of each chunk its hash and, in two bytes, its length less one. */
export function encodeChunks(chunks: readonly Chunk[]): Buffer {
  const bytes = Buffer.alloc(chunks.length * ENTRY_BYTES);
  for (const [at, { hash, length }] of chunks.entries()) {
    bytes.write(hash, at * ENTRY_BYTES, 'hex');
    bytes.writeUInt16BE(length - 1, at * ENTRY_BYTES + HASH_BYTES);
  }
  return bytes;
}

/** Null for what is no such list. */
export function decodeChunks(bytes: Buffer): readonly Chunk[] | null {
  if (bytes.length % ENTRY_BYTES !== 0) return null;
  const chunks: Chunk[] = [];
  let offset = 0;
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const length = bytes.readUInt16BE(at + HASH_BYTES) + 1;
    chunks.push({ hash: bytes.toString('hex', at, at + HASH_BYTES), offset, length });
    offset += length;
  }
  return chunks;
}
