/** The tar inside a layer's blob: decompressed as a stream, and proven against its diff id at the end. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline, Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

import type { Digest } from '../domain/digest.ts';
import { codeOf, mismatch } from './blobs.ts';
import { type Compression, compressionOf } from './media-types.ts';
import { invalid } from './schema.ts';
import type { Layer } from './store.ts';

/** Each chunk is a turn of its own through the thread that decompresses: of this size the whole takes a tenth less than of a quarter. */
const CHUNK_BYTES = 1 << 20;
const CHUNK = { chunkSize: CHUNK_BYTES };

/** The stream fails with IMAGE_INVALID for a damaged blob and with DIGEST_MISMATCH, after the last byte, for another tar. */
export function openTar(path: string, layer: Layer): Readable {
  const what = `layer ${layer.descriptor.digest}`;
  const compression = compressionOf(layer.descriptor.mediaType);
  if (compression === null) throw invalid(what, `"${layer.descriptor.mediaType}" is not a layer that Kiln can read`);
  return Readable.from(verified(decompressed(path, compression), layer.diffId, what), { objectMode: false });
}

function decompressed(path: string, compression: Compression): Readable {
  const blob = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const codec = decompressor(compression);
  // The callback is required; the error itself reaches the reader of the codec.
  return codec === null ? blob : pipeline(blob, codec, () => {});
}

function decompressor(compression: Compression): Transform | null {
  if (compression === 'none') return null;
  return compression === 'gzip' ? createGunzip(CHUNK) : createZstdDecompress(CHUNK);
}

async function* verified(tar: Readable, diffId: Digest, what: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of tar) {
      hash.update(chunk as Buffer);
      yield chunk as Buffer;
    }
  } catch (error) {
    const code = codeOf(error) ?? '';
    throw /^(?:Z_|ZSTD_)/.test(code) ? invalid(what, 'its compressed content is damaged', error) : error;
  }
  const found = `sha256:${hash.digest('hex')}` as Digest;
  if (found !== diffId) throw mismatch(diffId, found);
}
