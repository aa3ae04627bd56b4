/** "Did you mean": the candidate that a misspelt word most likely stands for. */

/** Two words that differ only in case, hyphens and underscores are the same for a person. */
const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_ ]/g, '');

/** Longer words are nobody's typing error, and the table below grows with the product of the lengths. */
const LONGEST = 64;

/** The nearest candidate within a third of the word's length (at least one edit), else one that holds the word; else null. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const wanted = plain(word);
  if (wanted === '' || wanted.length > LONGEST) return null;
  const allowed = Math.min(wanted.length - 1, Math.max(1, Math.floor(wanted.length / 3)));
  const ranked = candidates
    .filter((candidate) => Math.abs(plain(candidate).length - wanted.length) <= allowed)
    .map((candidate) => ({ candidate, distance: edits(wanted, plain(candidate)) }))
    .toSorted((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (best !== undefined && best.distance <= allowed) return best.candidate;
  return (wanted.length >= 4 && candidates.find((candidate) => plain(candidate).includes(wanted))) || null;
}

/** Optimal string alignment distance: insert, delete, replace, or swap two neighbours, at cost 1 each. */
function edits(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + same,
        swapped ? at(beforeLast, column - 2) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, current];
  }
  return at(last, b.length);
}

const at = (row: readonly number[], column: number): number => row[column] ?? Infinity;
