/**
 * Alpine's order of versions (apk-package(5), "version"): `digits{.digits}{letter}{_suffix{digits}}{~hash}{-r digits}`.
 * Tokens are compared in turn; where one version has another kind of token, the kind decides.
 */
import { compareDigits, compareText, endOf, isDigit } from './digits.ts';

/** In this order: of two versions equal so far, the one whose next token is of the earlier kind is the later version. */
const KINDS = ['first', 'digits', 'letter', 'suffix', 'suffix-digits', 'hash', 'revision', 'end'] as const;
type Kind = (typeof KINDS)[number];

/** Before the version without a suffix, and after it. */
const EARLIER = ['alpha', 'beta', 'pre', 'rc'];
const LATER = ['cvs', 'svn', 'git', 'hg', 'p'];
const SUFFIXES = [...EARLIER, ...LATER];

interface Token {
  readonly kind: Kind;
  readonly text: string;
}

/** Null where one of the two is no version of apk's. */
export function compareApk(a: string, b: string): number | null {
  const [left, right] = [tokensOf(a), tokensOf(b)];
  if (left === null || right === null) return null;
  for (let at = 0; ; at += 1) {
    const [one, other] = [left[at] ?? END, right[at] ?? END];
    if (one.kind !== other.kind) return compareKinds(one, other);
    if (one.kind === 'end') return 0;
    const difference = compareTokens(one, other);
    if (difference !== 0) return difference;
  }
}

const END: Token = { kind: 'end', text: '' };

function compareKinds(one: Token, other: Token): number {
  if (one.kind === 'suffix' && EARLIER.includes(one.text)) return -1;
  if (other.kind === 'suffix' && EARLIER.includes(other.text)) return 1;
  return KINDS.indexOf(other.kind) - KINDS.indexOf(one.kind);
}

function compareTokens({ kind, text }: Token, other: Token): number {
  switch (kind) {
    case 'digits':
      // With a zero in front it is a fraction: 1.05 comes before 1.1.
      if (text.startsWith('0') || other.text.startsWith('0')) return compareText(text, other.text);
      return compareDigits(text, other.text);
    case 'first':
    case 'suffix-digits':
    case 'revision':
      return compareDigits(text, other.text);
    case 'suffix':
      return SUFFIXES.indexOf(text) - SUFFIXES.indexOf(other.text);
    case 'letter':
    case 'hash':
      return compareText(text, other.text);
    case 'end':
      return 0;
  }
}

const isLetter = (char: string | undefined): boolean => char !== undefined && char >= 'a' && char <= 'z';
const isHex = (char: string | undefined): boolean => isDigit(char) || (char !== undefined && char >= 'a' && char <= 'f');

function tokensOf(version: string): readonly Token[] | null {
  const tokens: Token[] = [];
  for (let at = 0; at < version.length || tokens.length === 0;) {
    const next = tokenAt(version, at, tokens.at(-1)?.kind ?? null);
    if (next === null) return null;
    tokens.push(next.token);
    at = next.end;
  }
  return tokens;
}

interface Step {
  readonly token: Token;
  readonly end: number;
}

/** The kinds after which each kind may stand. */
const AFTER: Readonly<Record<Kind, readonly (Kind | null)[]>> = {
  first: [null],
  digits: ['first', 'digits'],
  letter: ['first', 'digits'],
  suffix: ['first', 'digits', 'letter', 'suffix', 'suffix-digits'],
  'suffix-digits': ['suffix'],
  hash: ['first', 'digits', 'letter', 'suffix', 'suffix-digits'],
  revision: ['first', 'digits', 'letter', 'suffix', 'suffix-digits', 'hash'],
  end: [],
};

function tokenAt(version: string, at: number, before: Kind | null): Step | null {
  const step = (kind: Kind, start: number, holds: (char: string | undefined) => boolean): Step | null => {
    const end = kind === 'letter' ? start + 1 : endOf(version, start, holds);
    return end === start || !AFTER[kind].includes(before) ? null : { token: { kind, text: version.slice(start, end) }, end };
  };
  const char = version[at];
  if (isDigit(char)) return step(before === null ? 'first' : 'suffix-digits', at, isDigit);
  if (char === '.') return step('digits', at + 1, isDigit);
  if (char === '~') return step('hash', at + 1, isHex);
  if (char === '-') return version[at + 1] === 'r' ? step('revision', at + 2, isDigit) : null;
  if (isLetter(char)) return step('letter', at, isLetter);
  const suffix = char === '_' ? step('suffix', at + 1, isLetter) : null;
  return suffix !== null && SUFFIXES.includes(suffix.token.text) ? suffix : null;
}
