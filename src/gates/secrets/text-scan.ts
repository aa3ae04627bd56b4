/** Looks for secrets in text as it streams by, in windows that overlap: of a file of any size a window is held. */
import type { ContentSink } from '../../oci/layer-scan.ts';
import { secretsIn, type Sighting } from './text.ts';

const WINDOW_BYTES = 256 << 10;
/** Longer than any pattern and what is looked at behind it. */
const OVERLAP_BYTES = 8 << 10;

/** `line` from 1; null in what is no text. */
export type Found = (sighting: Sighting, line: number | null) => void;

/** `path`: relative, bytes as latin1. Whatever it is, its printable parts are looked at: a program holds text, too. */
export function textScan(path: string, found: Found): ContentSink {
  let window: Buffer[] = [];
  let held = 0;
  let isText: boolean | null = null;
  let linesBefore = 0;

  const look = (isLast: boolean): void => {
    const bytes = window.length === 1 && window[0] !== undefined ? window[0] : Buffer.concat(window);
    isText ??= !bytes.includes(0);
    const text = bytes.toString('latin1');
    const done = isLast ? text.length : text.length - OVERLAP_BYTES;
    for (const sighting of secretsIn(text, path, bytes)) {
      if (sighting.at < done) found(sighting, isText ? linesBefore + newlines(text, sighting.at) + 1 : null);
    }
    if (isLast) return;
    if (isText) linesBefore += newlines(text, done);
    window = [Buffer.from(bytes.subarray(done))];
    held = OVERLAP_BYTES;
  };

  return {
    write(bytes) {
      window.push(Buffer.from(bytes));
      held += bytes.length;
      if (held >= WINDOW_BYTES) look(false);
    },
    end() {
      if (held > 0) look(true);
      window = [];
    },
  };
}

/** How many lines end before `end`. */
function newlines(text: string, end: number): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
