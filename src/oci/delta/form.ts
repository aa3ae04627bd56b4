/**
 * How a delta goes over the wire: the new bytes in windows, in order. Of each window its length, the ranges of the old bytes
 * that it is made from, and a zstd frame that has those ranges as its dictionary; without a frame it is those ranges. Numbers are
 * LEB128. Everything that is read here is a stranger's: the digest of the whole says whether it was right.
 */

/** `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface Window {
  /** Of the new bytes. */
  readonly length: number;
  readonly ranges: readonly ByteRange[];
  readonly frame: Buffer | null;
}

/** Of a window with a frame: what is held in memory for one. */
export const WINDOW_BYTES = 4 << 20;
export const DICTIONARY_BYTES = 16 << 20;
export const MOST_RANGES = 8192;

/** It is no delta, or from other old bytes than these. */
export class MalformedDelta extends Error {}

export const lengthOf = ({ start, end }: ByteRange): number => end - start;
export const totalOf = (ranges: readonly ByteRange[]): number => ranges.reduce((sum, range) => sum + lengthOf(range), 0);

export function encodeWindow({ length, ranges, frame }: Window): Buffer {
  const numbers = [length, ranges.length, ...ranges.flatMap((range) => [range.start, lengthOf(range)]), frame?.length ?? 0];
  return Buffer.concat([Buffer.from(numbers.flatMap(leb128)), ...(frame === null ? [] : [frame])]);
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** `oldBytes`: how many there are. Throws MalformedDelta. */
export async function* windowsOf(stream: AsyncIterable<Uint8Array>, oldBytes: number): AsyncGenerator<Window> {
  const input = new Input(stream);
  while (!(await input.isAtEnd())) {
    const length = await input.number();
    const ranges = await rangesOf(input, oldBytes);
    const size = await input.number();
    if (size === 0 && totalOf(ranges) !== length) throw new MalformedDelta('a window is not as long as it says');
    if (size > 0 && (Math.max(length, size) > 2 * WINDOW_BYTES || totalOf(ranges) > DICTIONARY_BYTES))
      throw new MalformedDelta('a window is larger than windows are');
    yield { length, ranges, frame: size === 0 ? null : await input.take(size) };
  }
}

async function rangesOf(input: Input, oldBytes: number): Promise<readonly ByteRange[]> {
  const count = await input.number();
  if (count > MOST_RANGES) throw new MalformedDelta('a window has too many ranges');
  const ranges: ByteRange[] = [];
  for (let at = 0; at < count; at += 1) {
    const start = await input.number();
    const end = start + (await input.number());
    if (end > oldBytes) throw new MalformedDelta('it names bytes that are not there');
    ranges.push({ start, end });
  }
  return ranges;
}

/** Bytes as they are asked for, from pieces as they come. */
class Input {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#pieces = stream[Symbol.asyncIterator]();
  }

  async isAtEnd(): Promise<boolean> {
    return this.#held.length === 0 && !(await this.#more());
  }

  async number(): Promise<number> {
    let value = 0;
    for (let unit = 1; unit <= Number.MAX_SAFE_INTEGER; unit *= 0x80) {
      const [byte = 0] = await this.take(1);
      value += (byte & 0x7f) * unit;
      if (byte < 0x80 && Number.isSafeInteger(value)) return value;
    }
    throw new MalformedDelta('a number is too large');
  }

  async take(length: number): Promise<Buffer> {
    while (this.#held.length < length) if (!(await this.#more())) throw new MalformedDelta('it ends in the middle of a window');
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async #more(): Promise<boolean> {
    const next = await this.#pieces.next();
    if (next.done === true) return false;
    this.#held = this.#held.length === 0 ? Buffer.from(next.value) : Buffer.concat([this.#held, next.value]);
    return true;
  }
}
