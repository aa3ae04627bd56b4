/** String templates of HCL2: quoted, in heredocs, and in files of their own. */
import type { Cursor } from './cursor.ts';
import { forNames } from './for-names.ts';
import type { Expression, TemplatePart } from './syntax.ts';

/** How the text around the sequences is read. */
interface Mode {
  /** Whether a backslash escapes, as between quotes. */
  readonly escapes: boolean;
  /** Where the text ends: an offset, or at the closing quote. */
  readonly end: number | 'quote';
  /** Blanks to leave out at the beginning of each line. */
  readonly indent: number;
  readonly expression: ParseExpression;
}

/** Expressions hold templates and templates expressions: each gets the other's parser from who calls it. */
export type ParseExpression = (cursor: Cursor) => Expression;

/** What ended a list of parts: a directive such as `else`, or nothing more. */
type Ending = 'end' | 'else' | 'endif' | 'endfor';

interface Sequence {
  readonly parts: readonly TemplatePart[];
  readonly ending: Ending;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

/** At the opening quote; ends after the closing one. */
export function parseQuoted(cursor: Cursor, expression: ParseExpression): Expression {
  const at = cursor.place;
  cursor.expect('"', 'at the beginning of a text');
  const parts = whole(cursor, { escapes: true, end: 'quote', indent: 0, expression });
  cursor.expect('"', 'at the end of the text');
  return { kind: 'template', at, parts };
}

/** A whole text that is a template: what `templatefile` reads. */
export function parseTemplate(cursor: Cursor, expression: ParseExpression): Expression {
  const at = cursor.place;
  return { kind: 'template', at, parts: whole(cursor, { escapes: false, end: cursor.text.length, indent: 0, expression }) };
}

/** At `<<`; ends before the line end that follows the closing word. */
export function parseHeredoc(cursor: Cursor, expression: ParseExpression): Expression {
  const at = cursor.place;
  cursor.expect('<<', 'at the beginning of a heredoc');
  const flush = cursor.take('-');
  const word = cursor.name();
  if (word === null) cursor.refuse('expected a word such as EOF after <<');
  cursor.take('\r');
  if (!cursor.take('\n')) cursor.refuse(`expected the end of the line after <<${word}, found ${cursor.found()}`);
  const { end, after, indent } = heredocEnd(cursor, word);
  const parts = whole(cursor, { escapes: false, end, indent: flush ? indent : 0, expression });
  cursor.offset = after;
  return { kind: 'template', at, parts };
}

/** Where the text ends, where the closing word ends, and the least indentation of its lines. */
function heredocEnd(cursor: Cursor, word: string): { end: number; after: number; indent: number } {
  let indent = Number.POSITIVE_INFINITY;
  for (let start = cursor.offset; start <= cursor.text.length;) {
    const newline = cursor.text.indexOf('\n', start);
    const lineEnd = newline === -1 ? cursor.text.length : newline;
    const line = cursor.text.slice(start, lineEnd);
    const blanks = line.length - line.trimStart().length;
    if (line.trim() === word) {
      return {
        end: start,
        after: start + blanks + word.length,
        indent: Number.isFinite(indent) ? Math.min(indent, blanks) : blanks,
      };
    }
    if (line.trim() !== '') indent = Math.min(indent, blanks);
    if (newline === -1) break;
    start = newline + 1;
  }
  return cursor.refuse(`the heredoc has no line "${word}" that ends it`);
}

function whole(cursor: Cursor, mode: Mode): readonly TemplatePart[] {
  const start = cursor.offset;
  const { parts, ending } = sequence(cursor, mode);
  if (ending !== 'end') cursor.refuse(`%{ ${ending} } closes nothing; take it away`, start);
  return parts;
}

function sequence(cursor: Cursor, mode: Mode): Sequence {
  const parts: TemplatePart[] = [];
  let text = new TextRun(mode.indent, cursor.offset === 0 || cursor.text[cursor.offset - 1] === '\n');
  const flush = (trimEnd: boolean): void => {
    const made = trimEnd ? text.value.trimEnd() : text.value;
    if (made !== '') parts.push({ kind: 'text', text: made });
  };
  for (;;) {
    if (isOver(cursor, mode)) break;
    if (cursor.startsWith('$${') || cursor.startsWith('%%{')) {
      text.add(`${cursor.text[cursor.offset] ?? ''}{`);
      cursor.offset += 3;
    } else if (cursor.startsWith('${') || cursor.startsWith('%{')) {
      const isValue = cursor.take('${') || !cursor.take('%{');
      flush(cursor.take('~'));
      const made = isValue ? interpolation(cursor, mode) : directive(cursor, mode);
      if (typeof made === 'string') return { parts, ending: made };
      parts.push(made);
      text = new TextRun(mode.indent, false);
      if (cursor.text[cursor.offset - 2] === '~') trimStart(cursor);
    } else {
      text.add(mode.escapes ? character(cursor) : plain(cursor));
    }
  }
  flush(false);
  return { parts, ending: 'end' };
}

/** Text that grows, without the indentation that its heredoc takes away. */
class TextRun {
  value = '';
  readonly #indent: number;
  #left: number;

  constructor(indent: number, atLineStart: boolean) {
    this.#indent = indent;
    this.#left = atLineStart ? indent : 0;
  }

  add(text: string): void {
    for (const each of text) {
      const blank = each === ' ' || each === '\t';
      if (blank && this.#left > 0) this.#left--;
      else {
        this.value += each;
        this.#left = each === '\n' ? this.#indent : 0;
      }
    }
  }
}

function isOver(cursor: Cursor, mode: Mode): boolean {
  if (mode.end !== 'quote') return cursor.offset >= mode.end;
  if (cursor.atEnd || cursor.startsWith('\n'))
    cursor.refuse('the text has no closing quote on its line; add ", or use a heredoc (<<EOT)');
  return cursor.startsWith('"');
}

function plain(cursor: Cursor): string {
  return cursor.text[cursor.offset++] ?? '';
}

function character(cursor: Cursor): string {
  const start = cursor.offset;
  const first = plain(cursor);
  if (first !== '\\') return first;
  const letter = plain(cursor);
  const simple = ESCAPES[letter];
  if (simple !== undefined) return simple;
  const length = letter === 'u' ? 4 : letter === 'U' ? 8 : 0;
  const digits = cursor.text.slice(cursor.offset, cursor.offset + length);
  const point = Number.parseInt(digits, 16);
  if (length > 0 && /^[\da-fA-F]+$/.test(digits) && digits.length === length && point <= 0x10_ff_ff) {
    cursor.offset += length;
    return String.fromCodePoint(point);
  }
  return cursor.refuse(`"\\${letter}" is no escape; write "\\\\${letter}" for a backslash`, start);
}

function trimStart(cursor: Cursor): void {
  while (/\s/.test(cursor.text[cursor.offset] ?? '')) cursor.offset++;
}

function interpolation(cursor: Cursor, mode: Mode): TemplatePart {
  const value = mode.expression(cursor);
  close(cursor);
  return { kind: 'value', value };
}

/** Ends after `}`, which a `~` may stand before. */
function close(cursor: Cursor): void {
  cursor.skip(true);
  cursor.take('~');
  cursor.expect('}', 'at the end of what ${ or %{ began');
}

function directive(cursor: Cursor, mode: Mode): TemplatePart | Ending {
  const at = cursor.placeOf(cursor.offset - 2);
  cursor.skip(true);
  const word = cursor.name();
  if (word === 'if') return cursor.nested(() => ifDirective(cursor, mode, at));
  if (word === 'for') return cursor.nested(() => forDirective(cursor, mode, at));
  if (word === 'else' || word === 'endif' || word === 'endfor') {
    close(cursor);
    return word;
  }
  return cursor.refuse(`there is no directive %{ ${word ?? ''} }; there are if, else, endif, for and endfor`);
}

function inner(cursor: Cursor, mode: Mode): Sequence {
  if (cursor.text[cursor.offset - 2] === '~') trimStart(cursor);
  return sequence(cursor, mode);
}

function ifDirective(cursor: Cursor, mode: Mode, at: Cursor['place']): TemplatePart {
  const condition = mode.expression(cursor);
  close(cursor);
  const yes = inner(cursor, mode);
  const no = yes.ending === 'else' ? inner(cursor, mode) : { parts: [], ending: yes.ending };
  if (no.ending !== 'endif') cursor.refuse('%{ if } has no %{ endif }');
  return { kind: 'if', at, condition, yes: yes.parts, no: no.parts };
}

function forDirective(cursor: Cursor, mode: Mode, at: Cursor['place']): TemplatePart {
  const { key, item } = forNames(cursor);
  const over = mode.expression(cursor);
  close(cursor);
  const body = inner(cursor, mode);
  if (body.ending !== 'endfor') cursor.refuse('%{ for } has no %{ endfor }');
  return { kind: 'for', at, key, item, over, body: body.parts };
}
