/** Expressions of HCL2. Precedence as in its specification: `?:`, then ||, &&, equality, comparison, sums, products, unary. */
import type { Cursor } from './cursor.ts';
import { forNames } from './for-names.ts';
import type { Expression } from './syntax.ts';
import { parseHeredoc, parseQuoted } from './template.ts';

const OPERATORS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/', '%'],
];

/** Line ends count as blanks: inside brackets, and inside `${}`. */
export const parseExpression = (cursor: Cursor): Expression => expression(cursor, true);

/** The value of an attribute: its line ends it. */
export const parseLineExpression = (cursor: Cursor): Expression => expression(cursor, false);

function expression(cursor: Cursor, lines: boolean): Expression {
  return cursor.nested(() => {
    const condition = binary(cursor, lines, 0);
    cursor.skip(lines);
    if (!cursor.take('?')) return condition;
    const yes = expression(cursor, true);
    cursor.skip(true);
    cursor.expect(':', 'between the two results of ?');
    const no = expression(cursor, lines);
    return { kind: 'choice', at: condition.at, condition, yes, no };
  });
}

function binary(cursor: Cursor, lines: boolean, level: number): Expression {
  const operators = OPERATORS[level];
  if (operators === undefined) return unary(cursor, lines);
  let left = binary(cursor, lines, level + 1);
  for (;;) {
    cursor.skip(lines);
    const at = cursor.place;
    const operator = operators.find((each) => cursor.take(each));
    if (operator === undefined) return left;
    left = { kind: 'binary', at, operator, left, right: binary(cursor, lines, level + 1) };
  }
}

function unary(cursor: Cursor, lines: boolean): Expression {
  cursor.skip(lines);
  const at = cursor.place;
  const operator = cursor.take('-') ? '-' : !cursor.startsWith('!=') && cursor.take('!') ? '!' : null;
  if (operator === null) return postfix(cursor, lines);
  return cursor.nested(() => ({ kind: 'unary', at, operator, of: unary(cursor, lines) }));
}

function postfix(cursor: Cursor, lines: boolean): Expression {
  return steps(cursor, lines, primary(cursor));
}

/** `.name`, `.0`, `[key]`, `[*]`, `.*`, one after the other. */
function steps(cursor: Cursor, lines: boolean, first: Expression): Expression {
  let of = first;
  for (;;) {
    const before = cursor.offset;
    cursor.skip(lines);
    const at = cursor.place;
    if (cursor.take('[*]') || (cursor.startsWith('.*') && cursor.take('.*'))) {
      return { kind: 'splat', at, of, rest: cursor.nested(() => steps(cursor, lines, { kind: 'each', at })) };
    }
    if (cursor.startsWith('.') && !cursor.startsWith('...')) {
      cursor.take('.');
      const name = cursor.name() ?? cursor.number();
      if (name === null) cursor.refuse(`expected a name after ".", found ${cursor.found()}`);
      for (const part of name.split('.')) of = { kind: 'index', at, of, key: textLiteral(at, part) };
    } else if (cursor.take('[')) {
      const key = parseExpression(cursor);
      cursor.skip(true);
      cursor.expect(']', 'after the index');
      of = { kind: 'index', at, of, key };
    } else {
      cursor.offset = before;
      return of;
    }
  }
}

const textLiteral = (at: Cursor['place'], text: string): Expression => ({
  kind: 'template',
  at,
  parts: [{ kind: 'text', text }],
});

function primary(cursor: Cursor): Expression {
  const at = cursor.place;
  if (cursor.startsWith('"')) return parseQuoted(cursor, parseExpression);
  if (cursor.startsWith('<<')) return parseHeredoc(cursor, parseExpression);
  if (cursor.startsWith('[')) return list(cursor);
  if (cursor.startsWith('{')) return map(cursor);
  if (cursor.take('(')) {
    const within = parseExpression(cursor);
    cursor.skip(true);
    cursor.expect(')', 'to close the bracket');
    return within;
  }
  const number = cursor.number();
  if (number !== null) return { kind: 'literal', at, value: Number(number) };
  return named(cursor);
}

const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
]);

function named(cursor: Cursor): Expression {
  const at = cursor.place;
  const name = cursor.name();
  if (name === null) return cursor.refuse(`expected a value, found ${cursor.found()}`);
  const word = WORDS.get(name);
  if (word !== undefined) return { kind: 'literal', at, value: word };
  if (!cursor.take('(')) return { kind: 'name', at, name };
  const args: Expression[] = [];
  for (;;) {
    cursor.skip(true);
    if (cursor.take(')')) return { kind: 'call', at, name, args, spread: false };
    args.push(parseExpression(cursor));
    cursor.skip(true);
    if (cursor.take('...')) {
      cursor.skip(true);
      cursor.expect(')', 'after "..."');
      return { kind: 'call', at, name, args, spread: true };
    }
    if (!cursor.take(',') && !cursor.startsWith(')'))
      cursor.refuse(`expected "," or ")" in the call of ${name}, found ${cursor.found()}`);
  }
}

function list(cursor: Cursor): Expression {
  const at = cursor.place;
  cursor.take('[');
  cursor.skip(true);
  if (cursor.keyword('for')) return forExpression(cursor, at, ']');
  const items: Expression[] = [];
  for (;;) {
    cursor.skip(true);
    if (cursor.take(']')) return { kind: 'list', at, items };
    items.push(parseExpression(cursor));
    cursor.skip(true);
    if (!cursor.take(',') && !cursor.startsWith(']')) cursor.refuse(`expected "," or "]" in the list, found ${cursor.found()}`);
  }
}

function map(cursor: Cursor): Expression {
  const at = cursor.place;
  cursor.take('{');
  cursor.skip(true);
  const before = cursor.offset;
  if (cursor.keyword('for')) {
    cursor.skip(true);
    if (!cursor.startsWith('=') && !cursor.startsWith(':')) return forExpression(cursor, at, '}');
    cursor.offset = before;
  }
  const members: { key: Expression; value: Expression }[] = [];
  for (;;) {
    cursor.skip(true);
    if (cursor.take('}')) return { kind: 'map', at, members };
    members.push(member(cursor));
    cursor.skip(false);
    if (!cursor.take(',') && !cursor.startsWith('\n') && !cursor.startsWith('}'))
      cursor.refuse(`expected "," or a new line in the map, found ${cursor.found()}`);
  }
}

function member(cursor: Cursor): { readonly key: Expression; readonly value: Expression } {
  const before = cursor.offset;
  const at = cursor.place;
  const name = cursor.name();
  cursor.skip(false);
  const isName = name !== null && (cursor.startsWith('=') || cursor.startsWith(':'));
  if (!isName) cursor.offset = before;
  const key = isName ? textLiteral(at, name) : parseLineExpression(cursor);
  cursor.skip(false);
  if (!cursor.take('=') && !cursor.take(':')) cursor.refuse(`expected "=" after the key, found ${cursor.found()}`);
  return { key, value: parseLineExpression(cursor) };
}

function forExpression(cursor: Cursor, at: Cursor['place'], close: ']' | '}'): Expression {
  const { key: keyName, item: itemName } = forNames(cursor);
  const over = parseExpression(cursor);
  cursor.skip(true);
  cursor.expect(':', 'after what "for" goes over');
  const first = parseExpression(cursor);
  cursor.skip(true);
  const isMap = close === '}';
  if (isMap) cursor.expect('=>', 'between key and value of a "for" that makes a map');
  const value = isMap ? parseExpression(cursor) : first;
  cursor.skip(true);
  const grouped = cursor.take('...');
  cursor.skip(true);
  const condition = cursor.keyword('if') ? parseExpression(cursor) : null;
  cursor.skip(true);
  cursor.expect(close, 'at the end of "for"');
  return { kind: 'for', at, keyName, itemName, over, key: isMap ? first : null, value, condition, grouped };
}
