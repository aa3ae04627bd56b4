/** The check of a whole journal beside the daemon's work: a long history takes seconds, and healing must not wait for it. */
import { KilnError, messageOf } from '../errors/error.ts';
import { apart } from '../platform/apart.ts';
import type { Break } from './chain.ts';

/** A history is read a page at a time. */
const MEMORY_MB = 512;

/** Null is whole. Throws STORE_UNREADABLE. */
export async function verifyBeside(file: string): Promise<Break | null> {
  try {
    return await apart<Break | null>(new URL('verify-worker.ts', import.meta.url), file, { memoryMb: MEMORY_MB });
  } catch (cause) {
    throw new KilnError('STORE_UNREADABLE', messageOf(cause), { hint: 'check the disk, and who may read the file', cause });
  }
}
