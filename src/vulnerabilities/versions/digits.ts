/** Whole numbers as text: versions hold longer ones than a number can. */

/** Less than, equal to or greater than 0. Both are ASCII digits, or '', which is 0. */
export function compareDigits(a: string, b: string): number {
  const [left, right] = [significant(a), significant(b)];
  return left.length - right.length || compareText(left, right);
}

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function significant(digits: string): string {
  let zeros = 0;
  while (digits[zeros] === '0') zeros += 1;
  return digits.slice(zeros);
}

export const isDigit = (char: string | undefined): boolean => char !== undefined && char >= '0' && char <= '9';

/** Where the run of characters that `holds` accepts ends. */
export function endOf(text: string, start: number, holds: (char: string | undefined) => boolean): number {
  let end = start;
  while (end < text.length && holds(text[end])) end += 1;
  return end;
}
