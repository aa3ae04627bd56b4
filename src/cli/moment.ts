/** Moments as people give them on the command line. */
import { KilnError } from '../errors/error.ts';
import { readDuration } from '../spec/units.ts';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?$/;

/** `2026-12-01`, `2026-12-01T08:00`, both local unless they say otherwise, or `2h` from `now`: ms since the epoch. */
export function momentOf(text: string, now: number): number {
  const after = readDuration(text);
  if (after.ok) return now + after.value;
  const at = DAY.test(text) ? Date.parse(`${text}T00:00`) : TIME.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new KilnError('USAGE', `"${text}" is no time`, {
    hint: 'give one such as 2026-12-01, 2026-12-01T08:00Z, or 2h for in two hours',
  });
}
