/**
 * Patterns of a template. Packer's are RE2, which takes linear time; JavaScript's may take for ever, and both pattern and
 * text may come from anywhere: so each runs under a deadline, which ends it wherever it is.
 */
import { createContext, Script } from 'node:vm';

import { PATTERN_MS } from '../limits.ts';
import type { Args } from './arguments.ts';

export interface Match {
  readonly whole: string;
  readonly groups: readonly string[];
  /** Null: no group has a name. */
  readonly named: Readonly<Record<string, string>> | null;
}

const MOST_MATCHES = 10_000;

const FIND = new Script(`{
  const found = [];
  for (const match of text.matchAll(new RegExp(pattern, flags))) {
    if (found.push([match.index, match[0], match.slice(1).map(String), Object.entries(match.groups ?? {})]) >= most) break;
  }
  JSON.stringify(found);
}`);

type Found = readonly [number, string, readonly string[], readonly (readonly [string, string])[]];

function find(args: Args, text: string, pattern: string, most: number): readonly Found[] {
  const { source, flags } = translated(pattern);
  try {
    const answer: unknown = FIND.runInContext(createContext({ text, pattern: source, flags, most }), { timeout: PATTERN_MS });
    return JSON.parse(String(answer)) as readonly Found[];
  } catch (error) {
    const late = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    const shown = JSON.stringify(pattern.slice(0, 60));
    return args.refuse(
      late
        ? `the pattern ${shown} takes too long over its text; write it simpler`
        : `${shown} is no pattern that is understood here`,
    );
  }
}

/** `(?i)` at the beginning, `(?P<name>…)`, `\\A`, `\\z` and POSIX classes are written otherwise in JavaScript. */
function translated(pattern: string): { readonly source: string; readonly flags: string } {
  const [, flags = '', rest = ''] = /^(?:\(\?([ims]+)\))?([^]*)$/.exec(pattern) ?? [];
  const source = rest
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\\A/g, '^')
    .replaceAll(/\\z/g, '$')
    .replaceAll(/\[:(alnum|alpha|digit|lower|space|upper):\]/g, (_, name: string) => POSIX[name] ?? '');
  return { source, flags: `gu${[...new Set(flags)].join('')}` };
}

const POSIX: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  space: '\\s',
  upper: 'A-Z',
};

const matchOf = ([, whole, groups, named]: Found): Match => ({
  whole,
  groups,
  named: named.length === 0 ? null : Object.fromEntries(named),
});

export function matchFirst(args: Args, text: string, pattern: string): Match | null {
  const [first] = find(args, text, pattern, 1);
  return first === undefined ? null : matchOf(first);
}

export const matchAll = (args: Args, text: string, pattern: string): readonly Match[] =>
  find(args, text, pattern, MOST_MATCHES).map(matchOf);

/** `$1`, `${name}` in `by` stand for groups; there is no other way to refer to them. */
export function replaceAll(args: Args, text: string, pattern: string, by: string): string {
  let made = '';
  let at = 0;
  for (const [index, whole, groups, named] of find(args, text, pattern, MOST_MATCHES)) {
    const names = new Map(named);
    const filled = by.replaceAll(/\$(?:(\d{1,2})|(\w+)|\{(\w+)\})/g, (_, digits?: string, word?: string, braced?: string) => {
      const name = digits ?? word ?? braced ?? '';
      if (name === '0') return whole;
      return /^\d+$/.test(name) ? (groups[Number(name) - 1] ?? '') : (names.get(name) ?? '');
    });
    made = args.call.budget.text(args.call.at, made + text.slice(at, index)) + filled;
    at = index + whole.length;
  }
  return made + text.slice(at);
}
