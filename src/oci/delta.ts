/**
 * A layer from another Kiln by what is new in it: its tar is put together from chunks of layers that are here and those that
 * are fetched, compressed again, and taken only if it has the layer's digest. So it works for layers that Kiln has compressed,
 * with the same zlib; of all others the digest comes out differently, and they are fetched whole.
 */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';

import type { Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { type Chunk, chunksOf, decodeChunks } from './chunks.ts';
import { compressedBlocks } from './compress.ts';
import { NetworkFailure } from './http-watch.ts';
import { protocolError } from './http.ts';
import { compressionOf } from './media-types.ts';
import type { Registry } from './registry.ts';
import type { ImageStore, Layer } from './store.ts';

/** Below this a layer is fetched as soon as its chunks would be listed. */
const WORTH_BYTES = 1 << 20;
/** Ten bytes for some 12 KiB: lists for tars up to some 70 GiB. */
const LIST_BYTES = 64 << 20;
const RANGES_A_REQUEST = 400;
/** With more than this new, the compressed layer is the shorter way. */
const MOST_NEW = 0.5;
/** Looking through much more than the layer itself costs more than it is likely to save. */
const MOST_SEED = 4;
const TAR_BLOCK = 1 << 20;

interface Place {
  readonly file: FileHandle;
  readonly offset: number;
}

/** False: it is to be fetched whole. `onMoved`: bytes that came over the wire. */
export async function takeDelta(
  registry: Registry,
  layer: Layer,
  {
    store,
    seeds,
    onMoved,
  }: { readonly store: ImageStore; readonly seeds: readonly Layer[]; readonly onMoved: (bytes: number) => void },
): Promise<boolean> {
  const { digest, size, mediaType } = layer.descriptor;
  const compression = compressionOf(mediaType);
  if (compression === null || compression === 'none') return false;
  const seedBytes = seeds.reduce((sum, seed) => sum + seed.descriptor.size, 0);
  if (seedBytes === 0 || seedBytes > size * MOST_SEED || size < WORTH_BYTES || (await store.hasBlob(digest, size))) return false;
  const folder = await mkdtemp(join(tmpdir(), 'kiln-delta-'));
  const files: FileHandle[] = [];
  const scratch = async (name: string): Promise<FileHandle> => {
    const file = await open(join(folder, name), 'w+', 0o600);
    files.push(file);
    return file;
  };
  try {
    const wanted = await listOf(registry, layer, onMoved);
    if (wanted === null) return false;
    const places = await indexed(store, seeds, scratch);
    const missing = wanted.filter(({ hash }) => !places.has(hash));
    const newBytes = missing.reduce((sum, { length }) => sum + length, 0);
    if (newBytes > size * MOST_NEW) return false;
    await fetchInto(await scratch('new'), places, missing, { registry, layer, onMoved });
    const blob = Readable.from(
      compressedBlocks(blocksOf(wanted, places), compression, () => {}),
      { objectMode: false },
    );
    await store.putBlob(blob, { digest, size });
    return true;
  } catch (error) {
    // Compressed by another than Kiln, lied to, or cut off: the whole layer is proven, and fetched with patience.
    const isOver = registry.transport.signal.aborted || (error instanceof KilnError && error.code === 'DISK_FULL');
    if (!isOver && (error instanceof KilnError || error instanceof NetworkFailure)) return false;
    throw error;
  } finally {
    await Promise.all(files.map((file) => file.close()));
    await rm(folder, { recursive: true, force: true });
  }
}

/** What an image here has that the new one has not, of the one that shares most layers with it, the newest of several. */
export async function seedsFor(diffIds: readonly Digest[], store: ImageStore): Promise<readonly Layer[]> {
  let best: { readonly shared: number; readonly at: number; readonly rest: readonly Layer[] } | null = null;
  for (const stored of await store.list()) {
    const layers = (await store.image(stored.digest).catch(() => null))?.layers ?? [];
    const rest = layers.filter((layer) => !diffIds.includes(layer.diffId));
    const [shared, at] = [layers.length - rest.length, stored.storedAt];
    if (best === null || shared > best.shared || (shared === best.shared && at > best.at)) best = { shared, at, rest };
  }
  return best?.rest ?? [];
}

/** Null: who is asked is no Kiln, or has no list of it. */
async function listOf(
  registry: Registry,
  { descriptor }: Layer,
  onMoved: (bytes: number) => void,
): Promise<readonly Chunk[] | null> {
  const path = `${registry.repository}/_kiln/chunks/${descriptor.digest}`;
  const answer = await registry.call({ method: 'GET', path, scopes: [registry.pullScope] });
  if (answer.status !== 200) {
    answer.cancel();
    return null;
  }
  const bytes = await answer.bytes(LIST_BYTES);
  onMoved(bytes?.length ?? 0);
  return bytes === null ? null : decodeChunks(bytes);
}

/** The chunks of layers that are here, written out, by their hashes. */
async function indexed(
  store: ImageStore,
  seeds: readonly Layer[],
  scratch: (name: string) => Promise<FileHandle>,
): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  for (const seed of seeds) {
    const file = await scratch(seed.diffId.slice('sha256:'.length));
    const write = async (bytes: Buffer): Promise<void> => file.writeFile(bytes);
    for await (const { hash, offset } of chunksOf(await store.openLayer(seed), write)) places.set(hash, { file, offset });
  }
  return places;
}

interface From {
  readonly registry: Registry;
  readonly layer: Layer;
  readonly onMoved: (bytes: number) => void;
}

/** Neighbours in one range, many ranges in one request; what comes is noted among the places. */
async function fetchInto(file: FileHandle, places: Map<string, Place>, missing: readonly Chunk[], from: From): Promise<void> {
  let written = 0;
  for (const batch of batches(missing)) {
    const length = batch.reduce((sum, chunk) => sum + chunk.length, 0);
    const bytes = await fetchRanges(rangesOf(batch), length, from);
    await file.writeFile(bytes);
    for (const { hash, length: size } of batch) {
      places.set(hash, { file, offset: written });
      written += size;
    }
  }
}

/** Each chunk once; a batch is at most so many chunks, and so a bounded piece of memory. */
function* batches(missing: readonly Chunk[]): Generator<readonly Chunk[]> {
  const once = [...new Map(missing.map((chunk) => [chunk.hash, chunk])).values()];
  for (let at = 0; at < once.length; at += RANGES_A_REQUEST) yield once.slice(at, at + RANGES_A_REQUEST);
}

function rangesOf(chunks: readonly Chunk[]): string {
  const ranges: { start: number; end: number }[] = [];
  for (const { offset, length } of chunks) {
    const last = ranges.at(-1);
    if (last !== undefined && last.end === offset) last.end += length;
    else ranges.push({ start: offset, end: offset + length });
  }
  return ranges.map(({ start, end }) => `${start}-${end}`).join(',');
}

/** The ranges one after the other, compressed on the way. Not a byte more than was asked for is held. */
async function fetchRanges(ranges: string, length: number, { registry, layer, onMoved }: From): Promise<Buffer> {
  const path = `${registry.repository}/_kiln/tar/${layer.descriptor.digest}`;
  const headers = { 'kiln-ranges': ranges };
  const answer = await registry.call({ method: 'GET', path, headers, scopes: [registry.pullScope] });
  if (answer.status !== 200) throw await registry.refusal(answer, `parts of ${layer.descriptor.digest}`);
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of answer.chunks()) {
      onMoved(chunk.length);
      yield chunk;
    }
  }
  const parts: Buffer[] = [];
  let size = 0;
  const decompressed = Readable.from(counted(), { objectMode: false }).pipe(createZstdDecompress());
  try {
    for await (const part of decompressed) {
      size += (part as Buffer).length;
      if (size > length) break;
      parts.push(part as Buffer);
    }
  } catch {
    size = -1;
  }
  if (size === length) return Buffer.concat(parts);
  throw protocolError(answer.url, 'it sent other parts of a layer than it was asked for');
}

/** The tar in the blocks in which Kiln compresses. */
async function* blocksOf(wanted: readonly Chunk[], places: ReadonlyMap<string, Place>): AsyncGenerator<Buffer> {
  let block = Buffer.allocUnsafe(TAR_BLOCK);
  let used = 0;
  for (const { hash, length } of wanted) {
    const bytes = Buffer.allocUnsafe(length);
    const place = places.get(hash);
    await place?.file.read(bytes, 0, length, place.offset);
    for (let at = 0; at < length;) {
      const taken = Math.min(length - at, TAR_BLOCK - used);
      bytes.copy(block, used, at, at + taken);
      [at, used] = [at + taken, used + taken];
      if (used < TAR_BLOCK) continue;
      yield block;
      [block, used] = [Buffer.allocUnsafe(TAR_BLOCK), 0];
    }
  }
  if (used > 0) yield block.subarray(0, used);
}
