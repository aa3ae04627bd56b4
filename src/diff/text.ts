/** Two versions of a text file, line by line, in the unified form. Pure. */
import { isUtf8 } from 'node:buffer';
import { diff } from 'node:util';

import type { TextDifference } from './contract.ts';
import { isPrivate } from './secrets.ts';

/** More of one text than this is not read. */
export const TEXT_BYTES = 128 << 10;
/** Comparing takes the square of the lines that differ, in time and memory. */
const MOST_LINES = 1500;
/** So many lines are told of one file, and so much of one line. */
const TOLD_LINES = 400;
const TOLD_LENGTH = 500;
const CONTEXT = 3;

/** Null stands for a content that is too large to be read. */
export function compareTexts(path: string, first: Buffer | null, second: Buffer | null): TextDifference {
  const hidden = whyHidden(path, first, second);
  if (first === null || second === null || hidden !== null) return { lines: [], more: 0, hidden };
  const steps = stepsBetween(linesOf(first), linesOf(second));
  if (steps === null) return { lines: [], more: 0, hidden: 'too many lines differ' };
  const lines = hunksOf(steps).map((line) => (line.length > TOLD_LENGTH ? `${line.slice(0, TOLD_LENGTH)}…` : line));
  return { lines: lines.slice(0, TOLD_LINES), more: Math.max(0, lines.length - TOLD_LINES), hidden: null };
}

function whyHidden(path: string, first: Buffer | null, second: Buffer | null): string | null {
  if (first === null || second === null) return 'it is large';
  if ([first, second].some((content) => content.includes(0) || !isUtf8(content))) return 'it is no text';
  return [first, second].some((content) => isPrivate(path, content)) ? 'it may hold a secret' : null;
}

/** Stands after a last line that has no end; no line is this. */
const NO_END = '\n';

/** Without line ends. */
function linesOf(content: Buffer): readonly string[] {
  if (content.length === 0) return [];
  const lines = content.toString('utf8').split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : [...lines, NO_END];
}

interface Step {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

const same = (line: string): Step => ({ sign: ' ', line });

/** Null: too many differ. */
function stepsBetween(first: readonly string[], second: readonly string[]): readonly Step[] | null {
  const shorter = Math.min(first.length, second.length);
  let head = 0;
  while (head < shorter && first[head] === second[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && first.at(-1 - tail) === second.at(-1 - tail)) tail += 1;
  const [left, right] = [first.slice(head, first.length - tail), second.slice(head, second.length - tail)];
  if (left.length + right.length > MOST_LINES) return null;
  return [
    ...first.slice(0, head).map(same),
    // Node's own can't compare nothing with nothing.
    ...(left.length + right.length === 0 ? [] : diff(left, right)).map(([side, line]): Step => ({
      sign: side === 0 ? ' ' : side === 1 ? '-' : '+',
      line,
    })),
    ...first.slice(first.length - tail).map(same),
  ];
}

/** Each run of changes with a few lines around it; runs whose surroundings meet are one. */
function hunksOf(steps: readonly Step[]): readonly string[] {
  const changed = steps.flatMap(({ sign }, index) => (sign === ' ' ? [] : [index]));
  const lines: string[] = [];
  let [from, at] = [0, { first: 1, second: 1 }];
  for (let next = 0; next < changed.length;) {
    const start = Math.max(from, (changed[next] ?? 0) - CONTEXT);
    let last = changed[next] ?? 0;
    for (next += 1; next < changed.length && (changed[next] ?? 0) - last <= 2 * CONTEXT; next += 1) last = changed[next] ?? 0;
    const end = Math.min(steps.length, last + CONTEXT + 1);
    at = after(at, steps.slice(from, start));
    const hunk = steps.slice(start, end);
    const past = after(at, hunk);
    lines.push(`@@ -${rangeOf(at.first, past.first)} +${rangeOf(at.second, past.second)} @@`);
    lines.push(...hunk.map(({ sign, line }) => `${sign}${line === NO_END ? '\\ no line end' : line}`));
    [from, at] = [end, past];
  }
  return lines;
}

interface Place {
  readonly first: number;
  readonly second: number;
}

function after({ first, second }: Place, steps: readonly Step[]): Place {
  const counted = steps.filter(({ line }) => line !== NO_END);
  const count = (without: '-' | '+'): number => counted.filter(({ sign }) => sign !== without).length;
  return { first: first + count('+'), second: second + count('-') };
}

/** `start,length`; of nothing the line before it. */
const rangeOf = (start: number, end: number): string => (end === start ? `${start - 1},0` : `${start},${end - start}`);
