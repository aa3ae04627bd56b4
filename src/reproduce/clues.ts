/** What two different contents have in common once the usual suspects are covered up. Linear in the contents' size. */

/** As latin1, so that any bytes are a text. */
const textOf = (bytes: Buffer): string => bytes.toString('latin1');

const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
/** Dates and times as programs write them; each alternative has a fixed shape, so none can backtrack. */
const TIMES = new RegExp(
  [
    '[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}',
    '[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?',
    `[0-9 ]?[0-9][ -]${MONTH}[ -][0-9]{4}`,
    `${MONTH} [0-9 ][0-9]`,
    '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)',
    '(?:19|20|21)[0-9]{12}',
    '(?:19|20|21)[0-9]{6}',
    '[12][0-9]{9}(?:[0-9]{3}|[0-9]{6}|[0-9]{9})?',
    '\\b(?:19|20|21)[0-9]{2}\\b',
    MONTH,
  ].join('|'),
  'g',
);

const HEX_ID = /[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,128}/g;
const NUMBERS = /[0-9]+/g;

const covered = (bytes: Buffer, what: RegExp, by: string): string => textOf(bytes).replaceAll(what, by);

/** Equal but for dates and times. */
export const differInTimes = (a: Buffer, b: Buffer): boolean => covered(a, TIMES, '#') === covered(b, TIMES, '#');

/** Equal but for UUIDs and long hexadecimal numbers. */
export const differInIds = (a: Buffer, b: Buffer): boolean => covered(a, HEX_ID, '#') === covered(b, HEX_ID, '#');

/** Equal but for numbers that stand for themselves: counters, process ids, durations, sizes. */
export const differInNumbers = (a: Buffer, b: Buffer): boolean => covered(a, NUMBERS, '#') === covered(b, NUMBERS, '#');

/** The same lines (or words of one line) in another order. */
export function differInOrder(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length) return false;
  return [/\n/, /[\s,:;]+/].some((between) => {
    const [left, right] = [a, b].map((bytes) => textOf(bytes).split(between).toSorted().join('\n'));
    return left === right;
  });
}

/** The same bytes, each as often, in another order. */
export function sameBytes(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length) return false;
  const counts = new Int32Array(256);
  for (const [at, byte] of a.entries()) {
    counts[byte] = (counts[byte] ?? 0) + 1;
    const other = b[at] ?? 0;
    counts[other] = (counts[other] ?? 0) - 1;
  }
  return counts.every((count) => count === 0);
}

/** One has the first text where the other has the second. */
export const differInText = (a: Buffer, b: Buffer, first: string, second: string): boolean =>
  first !== second && textOf(a).includes(first) && textOf(a).replaceAll(first, '#') === textOf(b).replaceAll(second, '#');

/** How many bytes differ at equal places; null where the lengths differ. */
export function differingBytes(a: Buffer, b: Buffer): readonly number[] | null {
  if (a.length !== b.length) return null;
  const found: number[] = [];
  for (let at = 0; at < a.length && found.length <= 4096; at++) if (a[at] !== b[at]) found.push(at);
  return found;
}
