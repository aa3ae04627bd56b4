/**
 * Layers compressed in blocks, as many at a time as there are processors: gzip allows a file of several members (RFC 1952,
 * 2.2), zstd one of several frames (RFC 8878, 3.1). Fixed levels and headers: equal blocks give equal bytes, on any machine.
 */
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { constants, gzip, zstdCompress } from 'node:zlib';

import type { LayerCompression } from '../domain/recipe.ts';

const gzipAsync = promisify(gzip);
const zstdAsync = promisify(zstdCompress);

/** Level 1: a layer is compressed for each bake and 8 % larger than at level 6, which takes more than twice as long. */
const GZIP_LEVEL = 1;
/** zstd's own default: smaller than that gzip by an eighth, for half of the work. */
const ZSTD_LEVEL = 3;
const IN_FLIGHT = availableParallelism() + 1;

const COMPRESSORS: Readonly<Record<LayerCompression, (block: Buffer) => Promise<Buffer>>> = { gzip: member, zstd: frame };

/** `onBlock` sees each block before it is compressed, in order. */
export async function* compressedBlocks(
  blocks: Iterable<Buffer> | AsyncIterable<Buffer>,
  compression: LayerCompression,
  onBlock: (block: Buffer) => void,
): AsyncGenerator<Buffer> {
  const compress = COMPRESSORS[compression];
  const pending: Promise<Buffer>[] = [];
  for await (const block of blocks) {
    onBlock(block);
    pending.push(compress(block));
    if (pending.length >= IN_FLIGHT) yield await (pending.shift() as Promise<Buffer>);
  }
  for (const last of pending) yield await last;
}

async function member(block: Buffer): Promise<Buffer> {
  const bytes = await gzipAsync(block, { level: GZIP_LEVEL });
  // MTIME, XFL and OS (RFC 1952, 2.3): zlib writes the platform that it was built for.
  bytes.fill(0, 4, 9);
  bytes[9] = 255;
  return bytes;
}

function frame(block: Buffer): Promise<Buffer> {
  return zstdAsync(block, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
}
