/** The new bytes, from the old ones and a delta. That they are right, only their digest says. */
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';

import { MalformedDelta, type Window, windowsOf } from './form.ts';
import type { OldBytes } from './old-bytes.ts';

const IN_FLIGHT = availableParallelism() + 1;

const decompress = promisify(zstdDecompress);

/** Throws MalformedDelta, and what the stream throws. */
export async function* applyDelta(delta: AsyncIterable<Uint8Array>, old: OldBytes): AsyncGenerator<Buffer> {
  const pending: (() => AsyncIterable<Buffer>)[] = [];
  for await (const window of windowsOf(delta, old.size)) {
    pending.push(bytesOf(window, old));
    if (pending.length >= IN_FLIGHT) yield* (pending.shift() as () => AsyncIterable<Buffer>)();
  }
  for (const last of pending) yield* last();
}

/** Begun at once, taken in turn. */
function bytesOf({ length, ranges, frame }: Window, old: OldBytes): () => AsyncIterable<Buffer> {
  if (frame === null) return () => old.pieces(ranges);
  const made = old
    .read(ranges)
    .then((dictionary) => decompress(frame, { dictionary, maxOutputLength: length }))
    .catch((cause: unknown) => {
      throw new MalformedDelta('a window can not be decompressed', { cause });
    });
  made.catch(() => {}); // Whoever takes it hears of it; where nobody does any more, something else has failed.
  return async function* () {
    const bytes = await made;
    if (bytes.length !== length) throw new MalformedDelta('a window is not as long as it says');
    yield bytes;
  };
}
