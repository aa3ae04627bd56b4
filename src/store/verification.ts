/** The check of a whole journal beside the daemon's work: a long history takes seconds, and healing must not wait for it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { KilnError, messageOf } from '../errors/error.ts';
import type { Break } from './chain.ts';

/** Null is whole. Throws STORE_UNREADABLE. */
export async function verifyBeside(file: string): Promise<Break | null> {
  const worker = new Worker(new URL('verify-worker.ts', import.meta.url), { workerData: file });
  try {
    const [found] = (await once(worker, 'message')) as [Break | null];
    return found;
  } catch (cause) {
    // Errors lose their type on the way between threads.
    throw new KilnError('STORE_UNREADABLE', messageOf(cause), { hint: 'check the disk, and who may read the file', cause });
  }
}
