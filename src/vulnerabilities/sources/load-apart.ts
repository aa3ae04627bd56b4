/** Reads a database in a process of its own, and bounds it: what it can't read in its memory ends that, not the daemon. */
import { KilnError, messageOf } from '../../errors/error.ts';
import { apart } from '../../platform/apart.ts';
import { unusable } from './files.ts';
import type { Loaded } from './load.ts';
import type { LoadRequest } from './worker.ts';

const MEMORY_MB = 3072;

/** `source`: what people call it. Throws VULNERABILITY_DATA, or the signal's reason. */
export async function loadApart(source: string, request: LoadRequest, signal: AbortSignal): Promise<Loaded> {
  try {
    return await apart<Loaded>(new URL('worker.ts', import.meta.url), request, { memoryMb: MEMORY_MB, signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof KilnError && error.code === 'VULNERABILITY_DATA') throw error;
    throw unusable(source, messageOf(error), error);
  }
}
