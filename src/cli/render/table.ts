/** Tables of plain columns, no lines drawn; they fit the width by shortening what can be shortened. */
import { stripVTControlCharacters } from 'node:util';

import { PLAIN_COLUMNS, widthOf } from '../terminal.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'right';
  /** Gives way where the table is too wide, the widest first. */
  readonly flexible?: true;
}

const GAP = '  ';
const LEAST_FLEXIBLE = 8;

export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number = PLAIN_COLUMNS,
): readonly string[] {
  const titles = columns.map((column) => column.title);
  const natural = columns.map((_, index) => Math.max(...[titles, ...rows].map((row) => widthOf(row[index] ?? ''))));
  const widths = fitted(columns, natural, width - GAP.length * (columns.length - 1));
  return [titles, ...rows].map((row) =>
    row
      .map((cell, index) => padded(cut(cell, widths[index] ?? 0), widths[index] ?? 0, columns[index]?.align))
      .join(GAP)
      .trimEnd(),
  );
}

function fitted(columns: readonly Column[], natural: readonly number[], width: number): readonly number[] {
  const widths = [...natural];
  const wideness = (index: number): number => (columns[index]?.flexible ? (widths[index] ?? 0) : 0);
  for (let excess = natural.reduce((sum, each) => sum + each, 0) - width; excess > 0; excess--) {
    const widest = columns.map((_, index) => index).reduce((a, b) => (wideness(b) > wideness(a) ? b : a));
    if (wideness(widest) <= LEAST_FLEXIBLE) break;
    widths[widest] = wideness(widest) - 1;
  }
  return widths;
}

/** At most `width` columns, the last one `…` where something is missing; a text that is cut loses its colours. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const plain = Array.from(stripVTControlCharacters(text));
  return `${plain.slice(0, Math.max(0, width - 1)).join('')}…`;
}

function padded(text: string, width: number, align: 'right' | undefined): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? space + text : text + space;
}

/** Words over as many lines as they need, each after the indent; a word that is longer than a line stays whole. */
export function wrapped(text: string, columns: number, indent: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && widthOf(indent + longer) > columns) {
      lines.push(indent + line);
      line = word;
    } else line = longer;
  }
  return [...lines, indent + line];
}
