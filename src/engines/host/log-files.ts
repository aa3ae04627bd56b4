/** Instances' log files: `x.log` is written by conmon, rotated ones are `x.log.1` (the newest) and up. */
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { reopenLog } from './conmon.ts';
import { createLineParser } from './log-lines.ts';

/** Of a log's end, to find its last line. */
const TAIL_BYTES = 8 << 10;
const SHOWN_LENGTH = 200;

/** The files of one log, the oldest first. */
export async function filesOf(path: string): Promise<readonly string[]> {
  const names = await readdir(dirname(path)).catch((): string[] => []);
  const numbered = names
    .filter((name) => name.startsWith(`${basename(path)}.`))
    .map((name) => ({ name, number: Number(name.slice(basename(path).length + 1)) }))
    .filter(({ number }) => Number.isInteger(number))
    .toSorted((a, b) => b.number - a.number)
    .map(({ name }) => join(dirname(path), name));
  return names.includes(basename(path)) ? [...numbered, path] : numbered;
}

/** For people: what was said last; null where nothing was. */
export const lastLogLine = async (path: string): Promise<string | null> => (await lastLogLines(path, 1)).at(-1) ?? null;

/** The last so many lines that are not blank, fewer where there are fewer. */
export async function lastLogLines(path: string, count: number): Promise<readonly string[]> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, Math.max(0, size - TAIL_BYTES));
      const lines = createLineParser().feed(buffer.subarray(0, bytesRead));
      const said = lines.map(({ text }) => text.trim().slice(0, SHOWN_LENGTH)).filter((text) => text !== '');
      return said.slice(-count);
    } finally {
      await file.close();
    }
  } catch {
    return []; // Nothing was written, or it was rotated away just now.
  }
}

/** Starts a new file once the present one has grown to `maxBytes`, keeping `keepFiles` in all. */
export async function rotateIfGrown(path: string, folder: string, maxBytes: number, keepFiles: number): Promise<void> {
  if ((await sizeOf(path)) < maxBytes) return;
  const oldest = Math.max(keepFiles - 1, 1);
  for (const file of await filesOf(path)) {
    const number = numberOf(path, file);
    if (number >= oldest) await rm(file, { force: true });
    else await rename(file, `${path}.${number + 1}`);
  }
  await reopenLog(folder);
  // One file only: the rotated one is needed until the monitor writes to the new one.
  if (keepFiles <= 1) await rm(`${path}.1`, { force: true });
}

const numberOf = (path: string, file: string): number => (file === path ? 0 : Number(file.slice(path.length + 1)));

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );
