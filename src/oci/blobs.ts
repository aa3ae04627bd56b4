/**
 * The blobs of a layout: one file each under blobs/sha256, named by its digest. A blob comes into being by a rename of a
 * file that is whole, hashed and on disk, so that a crash leaves a blob or nothing. What is still coming in lies in `.incoming`.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createReadStream, rmSync, statSync, utimesSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { type Digest, hexOf, shortDigest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { asDiskFull, syncFolder } from '../platform/files.ts';
import { sha256 } from '../platform/hash.ts';
import { invalid } from './schema.ts';

export interface Expected {
  readonly digest: Digest;
  readonly size?: number;
}

/** Opens the content at `offset`. What comes may start earlier (a server that knows no ranges): `offset` of the answer says where. */
export type OpenAt = (offset: number) => Promise<{ readonly content: Readable; readonly offset: number }>;

export class BlobFolder {
  readonly folder: string;
  readonly incoming: string;
  /** Transfers of one digest share one partial file: they take turns. */
  readonly #turns = new Map<Digest, Promise<unknown>>();

  constructor(layout: string) {
    this.folder = join(layout, 'blobs', 'sha256');
    this.incoming = join(layout, '.incoming');
  }

  pathOf(digest: Digest): string {
    return join(this.folder, hexOf(digest));
  }

  /**
   * Whether it is there, and of that size where one is given; if so it counts as new again for the garbage collector: its
   * asker is about to rely on it.
   */
  touch(digest: Digest, size?: number): boolean {
    try {
      const now = new Date();
      if (size !== undefined && statSync(this.pathOf(digest)).size !== size) return false;
      utimesSync(this.pathOf(digest), now, now);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  async sizeOf(digest: Digest): Promise<number | null> {
    try {
      return (await stat(this.pathOf(digest))).size;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  /** A small blob, whole and verified. Throws IMAGE_NOT_FOUND, DIGEST_MISMATCH, or IMAGE_INVALID where it is above the limit. */
  async read(digest: Digest, limitBytes: number): Promise<Buffer> {
    const size = await this.sizeOf(digest);
    if (size === null) throw absent(digest);
    if (size > limitBytes) throw invalid(`blob ${digest}`, `it is ${size} bytes, more than the ${limitBytes} allowed`);
    const bytes = await readFile(this.pathOf(digest));
    const found = sha256(bytes);
    if (found !== digest) throw mismatch(digest, found);
    return bytes;
  }

  async put(content: Readable | Uint8Array, expected: Partial<Expected> = {}): Promise<{ digest: Digest; size: number }> {
    const temporary = join(this.incoming, randomBytes(8).toString('hex'));
    try {
      await mkdir(this.incoming, { recursive: true });
      const file = await open(temporary, 'wx', 0o644);
      try {
        const source = content instanceof Uint8Array ? Readable.from([content]) : content;
        const written = await receive(file, source, { hash: createHash('sha256'), size: 0 }, expected.size);
        await this.#admit(file, temporary, written, expected);
        return written;
      } finally {
        await file.close();
      }
    } catch (error) {
      throw asDiskFull(error, temporary);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /**
   * Fetches a blob that may be long, going on where an earlier try broke off: a transfer that fails keeps what it had,
   * one with wrong content or on a full disk keeps nothing.
   */
  async fetch(expected: Required<Expected>, openAt: OpenAt): Promise<void> {
    const run = (): Promise<void> => this.#resume(expected, openAt);
    const before = this.#turns.get(expected.digest) ?? Promise.resolve();
    const mine = before.then(run, run);
    this.#turns.set(expected.digest, mine);
    try {
      await mine;
    } finally {
      if (this.#turns.get(expected.digest) === mine) this.#turns.delete(expected.digest);
    }
  }

  /** When it was last written or asked for, ms since the epoch; 0 where it is not there. */
  touchedAt(digest: Digest): number {
    return Math.floor(statSync(this.pathOf(digest), { throwIfNoEntry: false })?.mtimeMs ?? 0);
  }

  /** Removes a blob unless it was touched after `before`. Synchronous: nothing in this process can touch it in between. */
  removeUntouched(digest: Digest, before: number): void {
    if (this.touchedAt(digest) <= before) rmSync(this.pathOf(digest), { force: true });
  }

  async #resume(expected: Required<Expected>, openAt: OpenAt): Promise<void> {
    if (this.touch(expected.digest, expected.size)) return;
    await mkdir(this.incoming, { recursive: true });
    const partial = join(this.incoming, `${hexOf(expected.digest)}.partial`);
    const had = (await stat(partial).catch(() => null))?.size ?? 0;
    try {
      await this.#append(partial, expected, openAt);
    } catch (error) {
      // What an earlier try left may be what is wrong: once more from the start.
      if (had === 0 || !isMismatch(error)) throw error;
      await this.#append(partial, expected, openAt);
    }
  }

  async #append(partial: string, expected: Required<Expected>, openAt: OpenAt): Promise<void> {
    const file = await open(partial, 'a+', 0o644);
    let keep = false;
    try {
      const had = await hashed(file, partial);
      const written = had.size === expected.size ? had : await appendFrom(file, had, expected.size, openAt);
      if (written.size < expected.size) throw new BrokenOff(`it ended after ${written.size} of ${expected.size} bytes`);
      await this.#admit(file, partial, written, expected);
    } catch (error) {
      const failure = asDiskFull(error, partial);
      keep = failure === error && !isMismatch(error);
      throw failure;
    } finally {
      await file.close();
      if (!keep) await rm(partial, { force: true });
    }
  }

  /** Verifies, makes durable, and gives the file its name; in the place of one that is there, which may be damaged. */
  async #admit(
    file: FileHandle,
    path: string,
    written: { digest: Digest; size: number },
    expected: Partial<Expected>,
  ): Promise<void> {
    if (expected.size !== undefined && written.size !== expected.size) throw wrongSize(expected.size);
    if (expected.digest !== undefined && written.digest !== expected.digest) throw mismatch(expected.digest, written.digest);
    await file.sync();
    await rename(path, this.pathOf(written.digest));
    await syncFolder(this.folder);
  }
}

/** The content ended early: the one failure of a transfer that is worth another try from where it stopped. */
export class BrokenOff extends Error {}

export function absent(digest: Digest): KilnError {
  return new KilnError('IMAGE_NOT_FOUND', `${digest} is not in the store`, {
    hint: 'bake or pull the image; `kiln images` lists what is there',
  });
}

export const mismatch = (expected: Digest, found: Digest): KilnError =>
  damaged(`expected ${expected}, but the content is ${shortDigest(found)}…`);

const wrongSize = (size: number): KilnError => damaged(`the content is not the ${size} bytes that were expected`);

function damaged(message: string): KilnError {
  return new KilnError('DIGEST_MISMATCH', message, {
    hint: 'the content was damaged or replaced: fetch it again, from another source if this repeats',
  });
}

const isMismatch = (error: unknown): boolean => error instanceof KilnError && error.code === 'DIGEST_MISMATCH';

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | null)?.code;

async function appendFrom(
  file: FileHandle,
  had: Hashed,
  size: number,
  openAt: OpenAt,
): Promise<{ digest: Digest; size: number }> {
  const asked = had.size > size ? 0 : had.size;
  const { content, offset } = await openAt(asked);
  if (offset !== 0 && offset !== asked) {
    content.destroy();
    throw new BrokenOff(`byte ${asked} was asked for, and byte ${offset} came`);
  }
  if (offset === 0) await file.truncate(0);
  return receive(file, content, offset === 0 ? { hash: createHash('sha256'), size: 0 } : had, size);
}

interface Hashed {
  readonly hash: Hash;
  readonly size: number;
  /** Of what the hash was fed so far. */
  readonly digest: Digest;
}

async function hashed(file: FileHandle, path: string): Promise<Hashed> {
  const hash = createHash('sha256');
  const { size } = await file.stat();
  if (size > 0) for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return { hash, size, digest: `sha256:${hash.copy().digest('hex')}` as Digest };
}

const PIECES_A_WRITE = 16;

/** Writes and hashes to the end of the stream. More than `limit` bytes can't be what was expected and aren't written. */
async function receive(
  file: FileHandle,
  content: Readable,
  start: { readonly hash: Hash; readonly size: number },
  limit: number | undefined,
): Promise<{ digest: Digest; size: number }> {
  let size = start.size;
  let pending: Uint8Array[] = [];
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(pending);
    pending = [];
    await file.writeFile(bytes);
  };
  try {
    for await (const chunk of content) {
      const bytes = chunk as Uint8Array;
      size += bytes.length;
      if (limit !== undefined && size > limit) throw wrongSize(limit);
      start.hash.update(bytes);
      pending.push(bytes);
      // What comes from a network comes in small pieces, and each write is a turn of its own.
      if (pending.length >= PIECES_A_WRITE) await flush();
    }
  } finally {
    await flush(); // What came before a break is not to come again.
  }
  return { digest: `sha256:${start.hash.digest('hex')}` as Digest, size };
}
