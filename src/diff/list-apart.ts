/** Reads layers and keeps what they hold, so that the first comparison of an image has only to look it up. */
import { apart } from '../platform/apart.ts';
import type { ListRequest } from './list-process.ts';

const MEMORY_MB = 1024;

/** Layers that are listed already cost a look. Throws as reading layers does, OutOfMemory, or the signal's reason. */
export async function listApart(request: ListRequest, signal: AbortSignal): Promise<void> {
  await apart(new URL('list-process.ts', import.meta.url), request, { memoryMb: MEMORY_MB, signal });
}
