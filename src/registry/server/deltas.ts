/**
 * Deltas as they are asked for, each made once: whoever asks for the same follows the same making, and the last are kept. So
 * many processes make them at a time, so many wait, and so many bytes are kept.
 */
import { stat } from 'node:fs/promises';

import type { Content } from '../../oci/delta/content.ts';
import { makeDelta } from '../../oci/delta/make.ts';
import { apartBytes } from '../../platform/apart.ts';
import { sha256 } from '../../platform/hash.ts';
import type { DeltaRequest } from './delta-process.ts';
import { Spool } from './spool.ts';

const PROCESS = new URL('delta-process.ts', import.meta.url);
const MEMORY_MB = 1024;
const AT_A_TIME = 2;
const MOST_WAITING = 32;
const KEPT_BYTES = 512 << 20;
const KEPT = 256;
/** A process takes longer to start than so many bytes to look through. */
const SMALL_BYTES = 1 << 20;

export class Deltas {
  readonly #spools = new Map<string, Promise<Spool>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Null: too many are being made. What it yields throws where the making fails. */
  async read(request: DeltaRequest): Promise<AsyncIterable<Buffer> | null> {
    const { fresh, old } = request;
    const key = sha256(JSON.stringify([fresh, 'list' in old ? sha256(old.list) : old.contents]));
    const known = this.#spools.get(key);
    if (known !== undefined) {
      this.#spools.delete(key);
      this.#spools.set(key, known);
      return (await known).read();
    }
    if (this.#waiting.length >= MOST_WAITING) return null;
    const made = Spool.of(this.#make(request), () => void this.#settle(key));
    this.#spools.set(key, made);
    return (await made).read();
  }

  /** What is still being read ends with its reader. */
  async close(): Promise<void> {
    const spools = await Promise.all(this.#spools.values());
    this.#spools.clear();
    await Promise.all(spools.map((spool) => spool.close()));
  }

  async *#make(request: DeltaRequest): AsyncGenerator<Buffer> {
    const { fresh, old } = request;
    if ('contents' in old && (await isSmall([fresh, ...old.contents]))) {
      yield* makeDelta(fresh, old.contents);
      return;
    }
    if (this.#running >= AT_A_TIME) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      yield* apartBytes(PROCESS, request, { memoryMb: MEMORY_MB });
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** What failed is made anew when it is asked for again; of the rest the oldest go that nobody reads. */
  async #settle(key: string): Promise<void> {
    const spools = await Promise.all([...this.#spools].map(async ([each, made]) => [each, await made] as const));
    let [bytes, count] = [spools.reduce((sum, [, { size }]) => sum + size, 0), spools.length];
    for (const [each, spool] of spools) {
      const isFailed = each === key && spool.hasFailed;
      if (!isFailed && ((bytes <= KEPT_BYTES && count <= KEPT) || !spool.isIdle)) continue;
      this.#spools.delete(each);
      [bytes, count] = [bytes - spool.size, count - 1];
      await spool.close();
    }
  }
}

/** Blobs as they are, of which there is no more than that; a layer may unpack to anything. */
async function isSmall(contents: readonly Content[]): Promise<boolean> {
  if (contents.some(({ layer }) => layer !== null)) return false;
  const sizes = await Promise.all(contents.map(async ({ path }) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0) <= SMALL_BYTES;
}
