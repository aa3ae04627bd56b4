/** Which of the old bytes a piece of the new ones is likely made from: what is the same, and what lies where it was changed. Pure. */
import { type Chunk, chunksOf, type Cuts } from './chunks.ts';
import { type ByteRange, DICTIONARY_BYTES, lengthOf, MOST_RANGES, totalOf } from './form.ts';

/** Around what is not the same: what was moved a little is still found. */
const SLACK_BYTES = 16 << 10;

/** In order, without a gap. */
export class OldChunks {
  readonly #chunks: Chunk[] = [];
  readonly #firstOf = new Map<string, number>();

  constructor(list: readonly Chunk[] = []) {
    for (const chunk of list) this.#add(chunk);
  }

  /** Hands through what comes after the rest of them. */
  async *seen(content: AsyncIterable<Uint8Array>, cuts: Cuts): AsyncGenerator<Buffer> {
    const from = this.size;
    for await (const [chunk, bytes] of chunksOf(content, cuts)) {
      this.#add({ ...chunk, offset: from + chunk.offset });
      yield bytes;
    }
  }

  get list(): readonly Chunk[] {
    return this.#chunks;
  }

  get size(): number {
    const last = this.#chunks.at(-1);
    return last === undefined ? 0 : last.offset + last.length;
  }

  continues(hash: string, after: number): boolean {
    return this.#chunks[after + 1]?.hash === hash;
  }

  /** Where it is; right after the one at `after` where it is there as well. */
  find(hash: string, after: number): number | null {
    return this.continues(hash, after) ? after + 1 : (this.#firstOf.get(hash) ?? null);
  }

  at(index: number): ByteRange {
    const { offset = 0, length = 0 } = this.#chunks[index] ?? {};
    return { start: offset, end: offset + length };
  }

  #add(chunk: Chunk): void {
    if (!this.#firstOf.has(chunk.hash)) this.#firstOf.set(chunk.hash, this.#chunks.length);
    this.#chunks.push(chunk);
  }
}

/** Goes along the new chunks, and keeps where in the old bytes that is. */
export class Matcher {
  readonly #old: OldChunks;
  /** The last old chunk that was found again. */
  #last = -1;
  /** Where in the old bytes the next new ones would be, had nothing changed. */
  #cursor = 0;
  /** New bytes since the last that was found. */
  #unknown = 0;
  #ranges: ByteRange[] = [];

  constructor(old: OldChunks) {
    this.#old = old;
  }

  /** Whether it is what comes next in the old bytes. */
  continues({ hash }: Chunk): boolean {
    return this.#unknown === 0 && this.#old.continues(hash, this.#last);
  }

  add({ hash, length }: Chunk): void {
    const found = this.#old.find(hash, this.#last);
    if (found === null) {
      this.#unknown += length;
      return;
    }
    const range = this.#old.at(found);
    this.#reach(range.start);
    this.#push(range);
    this.#last = found;
    this.#cursor = range.end;
  }

  /** The ranges for what was added since the last call. */
  take(): readonly ByteRange[] {
    this.#reach(null);
    const ranges = this.#ranges;
    this.#ranges = [];
    return ranges;
  }

  /** What was changed lies between what was found before it and after it; null: nothing more is known. */
  #reach(next: number | null): void {
    const unknown = this.#unknown;
    if (unknown === 0) return;
    const from = this.#cursor;
    const most = 2 * unknown + SLACK_BYTES;
    if (next !== null && next >= from && next - from <= most) this.#push({ start: from, end: next });
    else {
      this.#push({ start: from, end: Math.min(this.#old.size, from + unknown + SLACK_BYTES) });
      if (next !== null) this.#push({ start: Math.max(0, next - unknown - SLACK_BYTES), end: next });
    }
    this.#cursor = Math.min(this.#old.size, from + unknown);
    this.#unknown = 0;
  }

  #push(range: ByteRange): void {
    const last = this.#ranges.at(-1);
    if (lengthOf(range) === 0) return;
    if (last?.end === range.start) this.#ranges[this.#ranges.length - 1] = { start: last.start, end: range.end };
    else if (this.#isNew(range)) this.#ranges.push(range);
  }

  /** Old bytes that are there already are found there; and what is too much for one window is left out. */
  #isNew({ start, end }: ByteRange): boolean {
    const isThere = this.#ranges.some((known) => known.start <= start && end <= known.end);
    return !isThere && this.#ranges.length < MOST_RANGES && totalOf(this.#ranges) + end - start <= DICTIONARY_BYTES;
  }
}
