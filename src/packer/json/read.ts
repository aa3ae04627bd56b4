/** JSON to the same tree as HCL2, with places: the library's parser tells of neither lines nor order of equal keys. */
import { Cursor } from '../hcl/cursor.ts';
import type { Expression } from '../hcl/syntax.ts';

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/;
const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** Throws a Refusal at the first place that is no JSON. */
export function readJson(text: string, file: string): Expression {
  const cursor = new Cursor(text.startsWith('\uFEFF') ? text.slice(1) : text, file);
  const root = value(cursor);
  blanks(cursor);
  return cursor.atEnd ? root : cursor.refuse(`expected the end of the file, found ${cursor.found()}`);
}

/** JSON has no comments: what would skip them must not be used. */
function blanks(cursor: Cursor): void {
  while (' \t\r\n'.includes(cursor.text[cursor.offset] ?? 'x')) cursor.offset++;
}

function value(cursor: Cursor): Expression {
  return cursor.nested(() => {
    blanks(cursor);
    const at = cursor.place;
    if (cursor.take('{')) return map(cursor, at);
    if (cursor.take('[')) return list(cursor, at);
    if (cursor.startsWith('"')) return { kind: 'template', at, parts: [{ kind: 'text', text: text(cursor) }] };
    const number = NUMBER.exec(cursor.text.slice(cursor.offset, cursor.offset + 400))?.[0];
    if (number !== undefined && Number.isFinite(Number(number))) {
      cursor.offset += number.length;
      return { kind: 'literal', at, value: Number(number) };
    }
    const word = [...WORDS.keys()].find((each) => cursor.take(each));
    return word === undefined
      ? cursor.refuse(`expected a value, found ${cursor.found()}`)
      : { kind: 'literal', at, value: WORDS.get(word) ?? null };
  });
}

function list(cursor: Cursor, at: Cursor['place']): Expression {
  const items: Expression[] = [];
  blanks(cursor);
  if (cursor.take(']')) return { kind: 'list', at, items };
  for (;;) {
    items.push(value(cursor));
    blanks(cursor);
    if (cursor.take(']')) return { kind: 'list', at, items };
    cursor.expect(',', 'or "]" in the list');
  }
}

function map(cursor: Cursor, at: Cursor['place']): Expression {
  const members: { key: Expression; value: Expression }[] = [];
  blanks(cursor);
  if (cursor.take('}')) return { kind: 'map', at, members };
  for (;;) {
    blanks(cursor);
    const keyAt = cursor.place;
    const key: Expression = { kind: 'template', at: keyAt, parts: [{ kind: 'text', text: text(cursor) }] };
    blanks(cursor);
    cursor.expect(':', 'after the key');
    members.push({ key, value: value(cursor) });
    blanks(cursor);
    if (cursor.take('}')) return { kind: 'map', at, members };
    cursor.expect(',', 'or "}" in the map');
  }
}

/** From quote to quote; JSON.parse reads the escapes. */
function text(cursor: Cursor): string {
  const start = cursor.offset;
  cursor.expect('"', 'at the beginning of a text');
  for (;;) {
    const each = cursor.text[cursor.offset++];
    if (each === undefined || each === '\n') cursor.refuse('the text has no closing quote on its line', start);
    if (each === '\\') cursor.offset++;
    if (each === '"') break;
  }
  try {
    return JSON.parse(cursor.text.slice(start, cursor.offset)) as string;
  } catch {
    return cursor.refuse('the text holds something that JSON does not allow; escape it', start);
  }
}
