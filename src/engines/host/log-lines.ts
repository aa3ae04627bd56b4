/**
 * The text of log files as conmon writes it: `TIME STREAM F|P TEXT` a line, where `P` says that the line goes on in the next
 * one of its stream.
 */

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export interface LineParser {
  /** The lines that the next piece of the file completes. */
  feed(piece: Buffer): LogLine[];
  /** How many bytes, from the first on, are wholly in the lines handed out: where to go on after a break. */
  settled(): number;
}

/** A line without an end is handed on when it has grown to this. */
const MAX_LINE = 1 << 20;
const NEWLINE = 0x0a;

export function createLineParser(): LineParser {
  let rest: Buffer = Buffer.alloc(0);
  let read = 0;
  let settled = 0;
  const begun = { stdout: '', stderr: '' };
  const take = (entry: LogEntry): LogLine[] => {
    const { at, stream } = entry;
    const text = begun[stream] + entry.text;
    if (!entry.whole && text.length < MAX_LINE) {
      begun[stream] = text;
      return [];
    }
    begun[stream] = '';
    return [{ at, stream, text }];
  };
  return {
    feed: (piece) => {
      const bytes = Buffer.concat([rest, piece]);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      rest = bytes.subarray(end);
      read += end;
      const entries = bytes.subarray(0, end).toString('utf8').split('\n').map(parseEntry);
      const lines = entries.filter((entry) => entry !== null).flatMap(take);
      if (begun.stdout === '' && begun.stderr === '') settled = read;
      return lines;
    },
    settled: () => settled,
  };
}

interface LogEntry extends LogLine {
  readonly whole: boolean;
}

/** Null for what conmon did not write, and for a line whose beginning is not there. */
function parseEntry(line: string): LogEntry | null {
  const match = /^(\d\S+) (stdout|stderr) ([FP])(?: (.*))?$/s.exec(line);
  if (match === null) return null;
  const [, time = '', stream, tag, text = ''] = match;
  const at = Date.parse(time);
  return Number.isNaN(at) ? null : { at, stream: stream === 'stderr' ? 'stderr' : 'stdout', text, whole: tag === 'F' };
}
