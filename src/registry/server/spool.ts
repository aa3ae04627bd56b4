/** Bytes that are still being made, in a file without a name: any number of readers follow them, each at its own pace. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PIECE_BYTES = 256 << 10;

export class Spool {
  readonly #file: FileHandle;
  #readers = 0;
  #end: { readonly failure: unknown } | null = null;
  #more = Promise.withResolvers<void>();
  size = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async of(bytes: AsyncIterable<Buffer>, onEnd: () => void): Promise<Spool> {
    const path = join(tmpdir(), `kiln-spool-${randomBytes(8).toString('hex')}`);
    const file = await open(path, 'wx+', 0o600);
    await rm(path);
    const spool = new Spool(file);
    void spool.#fill(bytes).finally(onEnd);
    return spool;
  }

  /** Made to its end, and nobody reads it. */
  get isIdle(): boolean {
    return this.#end !== null && this.#readers === 0;
  }

  get hasFailed(): boolean {
    return this.#end !== null && this.#end.failure !== null;
  }

  /** From the first byte. Throws what the making of them threw. */
  async *read(): AsyncGenerator<Buffer> {
    this.#readers += 1;
    try {
      for (let at = 0; ;) {
        // What is told while this is looked at is not missed.
        const [more, end, size] = [this.#more.promise, this.#end, this.size];
        for (; at < size;) {
          const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, size - at));
          at += (await this.#file.read(piece, 0, piece.length, at)).bytesRead;
          yield piece;
        }
        if (end?.failure != null) throw end.failure;
        if (end !== null) return;
        await more;
      }
    } finally {
      this.#readers -= 1;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #fill(bytes: AsyncIterable<Buffer>): Promise<void> {
    let failure: unknown = null;
    try {
      for await (const piece of bytes) {
        await this.#file.write(piece, 0, piece.length, this.size);
        this.size += piece.length;
        this.#tell();
      }
    } catch (error) {
      failure = error ?? new Error('it ended early');
    }
    this.#end = { failure };
    this.#tell();
  }

  #tell(): void {
    const { resolve } = this.#more;
    this.#more = Promise.withResolvers<void>();
    resolve();
  }
}
