/**
 * HCL2 as text to its syntax tree, by hand: order and lines are kept, nesting is bounded, and nothing is evaluated
 * (docs/adr/0008-hcl-parser.md says why no library does it). Pure.
 */
import { Refusal, type Problems } from '../problems.ts';
import { Cursor } from './cursor.ts';
import { parseLineExpression } from './expression.ts';
import type { Attribute, Block, Body } from './syntax.ts';

/** Null: the text is no HCL2, and `problems` says where. */
export function parseHcl(text: string, file: string, problems: Problems): Body | null {
  const cursor = new Cursor(text.startsWith('\uFEFF') ? text.slice(1) : text, file);
  return problems.attempt(() => body(cursor, true));
}

function body(cursor: Cursor, isFile: boolean): Body {
  const at = cursor.place;
  const attributes: Attribute[] = [];
  const blocks: Block[] = [];
  for (;;) {
    cursor.skip(true);
    if (isFile ? cursor.atEnd : cursor.startsWith('}')) return { at, attributes, blocks };
    const made = item(cursor);
    if ('labels' in made) blocks.push(made);
    else {
      const before = attributes.find(({ name }) => name === made.name);
      if (before !== undefined) throw new Refusal(made.at, `"${made.name}" is set twice; it was on line ${before.at.line}`);
      attributes.push(made);
    }
  }
}

function item(cursor: Cursor): Attribute | Block {
  const at = cursor.place;
  const name = cursor.name();
  if (name === null) return cursor.refuse(`expected a block or an attribute, found ${cursor.found()}`);
  cursor.skip(false);
  if (cursor.startsWith('=') && !cursor.startsWith('==')) {
    cursor.take('=');
    const value = parseLineExpression(cursor);
    endOfLine(cursor, false);
    return { at, name, value };
  }
  const labels = labelsOf(cursor);
  cursor.expect('{', `or "=" after ${name}`);
  return cursor.nested(() => {
    const inner = body(cursor, false);
    cursor.expect('}', `at the end of ${name}`);
    endOfLine(cursor, true);
    return { at, type: name, labels, body: inner };
  });
}

function labelsOf(cursor: Cursor): readonly string[] {
  const labels: string[] = [];
  for (;;) {
    cursor.skip(false);
    if (cursor.take('"')) {
      const end = cursor.text.indexOf('"', cursor.offset);
      const label = end === -1 ? '\n' : cursor.text.slice(cursor.offset, end);
      if (/[\n\\$%]/.test(label)) cursor.refuse('expected a plain name between quotes');
      labels.push(label);
      cursor.offset = end + 1;
      continue;
    }
    const name = cursor.name();
    if (name === null) return labels;
    labels.push(name);
  }
}

/** `{ a = 1 }` on one line has its brace after the attribute. */
function endOfLine(cursor: Cursor, isBlock: boolean): void {
  cursor.skip(false);
  if (cursor.atEnd || cursor.startsWith('\n') || cursor.startsWith('}')) return;
  cursor.refuse(`expected the end of the line after the ${isBlock ? 'block' : 'value'}, found ${cursor.found()}`);
}
