/** SQLite's errors in Kiln's words. */
import { KilnError } from '../errors/error.ts';

/** Primary result codes (sqlite.org/rescode.html); extended codes carry them in their low byte. */
const FULL = 13;
const PRIMARY = 0xff;

/** Anything that SQLite or the file system threw at the database, as a KilnError. A KilnError, and what isn't theirs, stays. */
export function asStoreError(error: unknown, file: string): unknown {
  if (error instanceof KilnError || !(error instanceof Error)) return error;
  const { errcode, code, syscall } = error as { errcode?: number; code?: string; syscall?: string };
  if (code === 'ENOSPC' || (errcode !== undefined && (errcode & PRIMARY) === FULL)) return diskFull(error, file);
  if (errcode === undefined && syscall === undefined) return error;
  return new KilnError('STORE_UNREADABLE', `${file}: ${error.message}`, {
    hint: 'check the disk and who may read the file; a damaged database is put back from a copy of the home folder. Instances go on serving without it',
    cause: error,
  });
}

function diskFull(cause: Error, file: string): KilnError {
  return new KilnError('DISK_FULL', `no room to write ${file}`, {
    hint: 'free some space (`kiln gc --plan` shows what Kiln can give back) and run the command again',
    cause,
  });
}
