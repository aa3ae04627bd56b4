/**
 * Content-defined chunks: a stream is cut where its content says so, so that what is inserted or removed moves no cut but those
 * around it (the gear hash of "FastCDC", USENIX ATC 2016, without its normalisation).
 */
import { createHash, hash as hashOnce } from 'node:crypto';

export interface Cuts {
  readonly smallest: number;
  readonly largest: number;
  /** Beyond the smallest there is a cut once in so many bytes on average: a power of two, less one. */
  readonly mask: number;
}

/** Of lists that go over the wire: both sides must cut alike. */
export const LISTED_CUTS: Cuts = { smallest: 4 << 10, largest: 64 << 10, mask: (8 << 10) - 1 };
/** Small: what is the same between two changes is found by them, and where they differ zstd finds what is left. */
export const FINE_CUTS: Cuts = { smallest: 1 << 10, largest: 16 << 10, mask: (2 << 10) - 1 };

/** The start of a SHA-256: enough to find what is the same. What is right, the layer's own digest says. */
const HASH_BYTES = 8;

export interface Chunk {
  readonly hash: string;
  readonly offset: number;
  readonly length: number;
}

/** 256 fixed random numbers of 31 bits, from a digest so that nobody has to believe them. */
const GEAR = Uint32Array.from({ length: 256 }, (_, at) => createHash('sha256').update(`gear ${at}`).digest().readUInt32LE(0));

/** The chunks of a stream in order, each with its bytes. */
export async function* chunksOf(stream: AsyncIterable<Uint8Array>, cuts: Cuts): AsyncGenerator<[Chunk, Buffer]> {
  let held = Buffer.alloc(0);
  let offset = 0;
  const take = (length: number): [Chunk, Buffer] => {
    const bytes = held.subarray(0, length);
    held = held.subarray(length);
    const chunk = { hash: hashOf(bytes), offset, length };
    offset += length;
    return [chunk, bytes];
  };
  for await (const piece of stream) {
    held = held.length === 0 ? Buffer.from(piece) : Buffer.concat([held, piece]);
    // Until a whole chunk is sure to be there.
    while (held.length >= cuts.largest) yield take(cutOf(held, cuts));
  }
  while (held.length > 0) yield take(cutOf(held, cuts));
}

const hashOf = (bytes: Uint8Array): string => hashOnce('sha256', bytes, 'hex').slice(0, 2 * HASH_BYTES);

/** The length of the first chunk. */
function cutOf(bytes: Buffer, { smallest, largest, mask }: Cuts): number {
  const end = Math.min(bytes.length, largest);
  let hash = 0;
  for (let at = smallest; at < end; at += 1) {
    hash = ((hash << 1) + (GEAR[bytes[at] ?? 0] ?? 0)) | 0;
    // The upper bits have seen more of what came before.
    if (((hash >>> 16) & mask) === 0) return at + 1;
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
