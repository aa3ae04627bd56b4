/** Python's order of versions (PEP 440, "Summary of permitted suffixes and relative ordering"). */
import { compareDigits, compareText } from './digits.ts';

const FORM = new RegExp(
  [
    /^v?(?:(?<epoch>[0-9]+)!)?(?<release>[0-9]+(?:\.[0-9]+)*)/,
    /(?:[-_.]?(?<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<preNumber>[0-9]*))?/,
    /(?:-(?<postDash>[0-9]+)|[-_.]?(?<post>post|rev|r)[-_.]?(?<postNumber>[0-9]*))?/,
    /(?:[-_.]?(?<dev>dev)[-_.]?(?<devNumber>[0-9]*))?/,
    /(?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/,
  ]
    .map(({ source }) => source)
    .join(''),
);
const LONGEST = 256;

/** a, b and rc; what has none sorts after them, and before them where it is a mere development release. */
const PHASES: Readonly<Record<string, number>> = { a: 1, alpha: 1, b: 2, beta: 2, c: 3, rc: 3, pre: 3, preview: 3 };
const BEFORE_ALL = 0;
const AFTER_ALL = 4;

interface Version {
  readonly epoch: string;
  readonly release: readonly string[];
  readonly phase: number;
  readonly phaseNumber: string;
  /** Null: no post release, which is earlier than any. */
  readonly post: string | null;
  /** Null: no development release, which is later than any. */
  readonly dev: string | null;
  readonly local: readonly string[] | null;
}

/** Null where one of the two is no version by PEP 440. */
export function comparePep440(a: string, b: string): number | null {
  const [left, right] = [parse(a), parse(b)];
  if (left === null || right === null) return null;
  return (
    compareDigits(left.epoch, right.epoch) ||
    compareLists(left.release, right.release, compareDigits) ||
    left.phase - right.phase ||
    compareDigits(left.phaseNumber, right.phaseNumber) ||
    compareNullable(left.post, right.post, -1, compareDigits) ||
    compareNullable(left.dev, right.dev, 1, compareDigits) ||
    compareNullable(left.local, right.local, -1, (one, other) => compareLists(one, other, compareLocal))
  );
}

function parse(text: string): Version | null {
  const found = text.length > LONGEST ? undefined : FORM.exec(text.trim().toLowerCase())?.groups;
  if (found === undefined) return null;
  const { epoch, release, pre, preNumber, postDash, post, postNumber, dev, devNumber, local } = found;
  const isPlain = pre === undefined;
  const isOnlyDev = isPlain && post === undefined && postDash === undefined && dev !== undefined;
  return {
    epoch: epoch ?? '',
    release: withoutTrailingZeros((release ?? '').split('.')),
    phase: isOnlyDev ? BEFORE_ALL : isPlain ? AFTER_ALL : (PHASES[pre] ?? AFTER_ALL),
    phaseNumber: preNumber ?? '',
    post: postDash ?? (post === undefined ? null : (postNumber ?? '')),
    dev: dev === undefined ? null : (devNumber ?? ''),
    local: local?.split(/[-_.]/) ?? null,
  };
}

function withoutTrailingZeros(release: readonly string[]): readonly string[] {
  const last = release.findLastIndex((part) => compareDigits(part, '') !== 0);
  return release.slice(0, last + 1);
}

function compareLists(a: readonly string[], b: readonly string[], compare: (a: string, b: string) => number): number {
  for (const [at, part] of a.entries()) {
    const other = b[at];
    const difference = other === undefined ? 1 : compare(part, other);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** `absent`: how one that is not there compares with any that is. */
function compareNullable<T>(a: T | null, b: T | null, absent: -1 | 1, compare: (a: T, b: T) => number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? absent : -absent;
  return compare(a, b);
}

/** Numbers sort after words. */
function compareLocal(a: string, b: string): number {
  const [isNumber, isOtherNumber] = [/^[0-9]+$/.test(a), /^[0-9]+$/.test(b)];
  if (isNumber && isOtherNumber) return compareDigits(a, b);
  return isNumber === isOtherNumber ? compareText(a, b) : isNumber ? 1 : -1;
}
