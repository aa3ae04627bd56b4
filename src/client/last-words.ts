/** What a daemon that ended without a word wrote to its log, for a person: its own last complaint, else what Node said. */

const SHOWN_LINES = 3;
/** pino's level of errors. */
const COMPLAINT = 50;

/** At most a few lines; none where there is nothing to tell. */
export function lastWords(log: string): readonly string[] {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const said = lines.map(entryOf);
  const complaint = said.findLast((entry) => entry !== null && entry.level >= COMPLAINT);
  if (complaint != null) return [complaint.text];
  // A crash of Node: the error is on the line before its stack, and after a line with its place.
  const plain = lines.filter((_, index) => said[index] === null);
  const error = plain.findIndex((line) => /^\s*(?:\w*Error|FATAL ERROR)\b/.test(line));
  return plain.slice(Math.max(error, 0)).slice(0, SHOWN_LINES);
}

interface Entry {
  readonly level: number;
  readonly text: string;
}

/** Null for a line that is not the logger's. */
function entryOf(line: string): Entry | null {
  try {
    const { level, msg, err } = JSON.parse(line) as { level?: unknown; msg?: unknown; err?: { message?: unknown } };
    if (typeof level !== 'number') return null;
    return { level, text: [msg, err?.message].filter((part) => typeof part === 'string' && part !== '').join(': ') };
  } catch {
    return null;
  }
}
