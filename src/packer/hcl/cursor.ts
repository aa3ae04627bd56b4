/** A place in a text that moves forward: what the parsers of this folder read with. */
import { DEEPEST } from '../limits.ts';
import { Refusal, type Place } from '../problems.ts';

const NAME = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANK = /[ \t\r]+/y;

export class Cursor {
  readonly text: string;
  readonly file: string;
  offset = 0;
  #depth = 0;
  /** Offset of each line's first character. */
  readonly #lines: readonly number[];

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
    const lines = [0];
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.push(at + 1);
    this.#lines = lines;
  }

  placeOf(offset: number): Place {
    let [low, high] = [0, this.#lines.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lines[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { file: this.file, line: low + 1, column: offset - (this.#lines[low] ?? 0) + 1 };
  }

  get place(): Place {
    return this.placeOf(this.offset);
  }

  get atEnd(): boolean {
    return this.offset >= this.text.length;
  }

  refuse(text: string, offset = this.offset): never {
    throw new Refusal(this.placeOf(offset), text);
  }

  /** What stands here, for "found …". */
  found(): string {
    if (this.atEnd) return 'the end of the file';
    const [line = ''] = this.text.slice(this.offset, this.offset + 20).split('\n');
    return line.trim() === '' ? 'the end of the line' : JSON.stringify(line.trim());
  }

  startsWith(text: string): boolean {
    return this.text.startsWith(text, this.offset);
  }

  /** Moves over the text where it stands here. */
  take(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.offset += text.length;
    return true;
  }

  expect(text: string, why: string): void {
    if (!this.take(text)) this.refuse(`expected "${text}" ${why}, found ${this.found()}`);
  }

  /** An identifier; null where none stands here. */
  name(): string | null {
    return this.#match(NAME);
  }

  number(): string | null {
    return this.#match(NUMBER);
  }

  /** Moves over a whole word only. */
  keyword(word: string): boolean {
    const before = this.offset;
    if (this.name() === word) return true;
    this.offset = before;
    return false;
  }

  /** Blanks and comments; line ends too where `lines` says so. A line comment ends before its line's end. */
  skip(lines: boolean): void {
    for (;;) {
      if (this.#match(BLANK) !== null) continue;
      if (lines && this.take('\n')) continue;
      if (this.startsWith('#') || this.startsWith('//')) {
        const end = this.text.indexOf('\n', this.offset);
        this.offset = end === -1 ? this.text.length : end;
      } else if (this.startsWith('/*')) {
        const end = this.text.indexOf('*/', this.offset + 2);
        if (end === -1) this.refuse('the comment that begins here has no end; add */');
        this.offset = end + 2;
      } else return;
    }
  }

  /** Refuses what is nested deeper than any template that a person wrote. */
  nested<T>(work: () => T): T {
    if (++this.#depth > DEEPEST) this.refuse(`nested more than ${DEEPEST} deep; write it flatter`);
    try {
      return work();
    } finally {
      this.#depth--;
    }
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text);
    if (found === null) return null;
    this.offset += found[0].length;
    return found[0];
  }
}
