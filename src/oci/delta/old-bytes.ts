/** What is old, one content after the other in one file, for reading any part of it. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type ByteRange, lengthOf, MalformedDelta, totalOf } from './form.ts';
import { type Content, openContent } from './content.ts';
import { Gathered } from './gathered.ts';

const PIECE_BYTES = 1 << 20;
/** Uncompressed, on either side. */
const MOST_BYTES = 2 ** 31;

export class OldBytes implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly size: number;

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  /**
   * `through` sees all of it on the way. Throws as reading layers does, and MalformedDelta where it is more than is looked
   * through. The file has no name: nothing is left of it, however the process ends.
   */
  static async gather(
    contents: readonly Content[],
    through: (content: AsyncIterable<Buffer>) => AsyncIterable<Buffer>,
  ): Promise<OldBytes> {
    const path = join(tmpdir(), `kiln-old-${randomBytes(8).toString('hex')}`);
    const file = await open(path, 'wx+', 0o600);
    const out = new Gathered();
    let size = 0;
    try {
      await rm(path);
      for (const content of contents) {
        for await (const bytes of through(openContent(content))) {
          size += bytes.length;
          if (size > MOST_BYTES) throw new MalformedDelta(`what is old is more than ${MOST_BYTES} bytes`);
          out.add(bytes);
          if (out.length >= PIECE_BYTES) await file.writeFile(out.take());
        }
      }
      await file.writeFile(out.take());
      return new OldBytes(file, size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The ranges, one after the other. */
  async read(ranges: readonly ByteRange[]): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(totalOf(ranges));
    let at = 0;
    for (const range of ranges) {
      await this.#file.read(bytes, at, lengthOf(range), range.start);
      at += lengthOf(range);
    }
    return bytes;
  }

  /** The same in pieces, however long they are. */
  async *pieces(ranges: readonly ByteRange[]): AsyncGenerator<Buffer> {
    for (const { start, end } of ranges) {
      for (let at = start; at < end; at += PIECE_BYTES) yield this.read([{ start: at, end: Math.min(end, at + PIECE_BYTES) }]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
