/** Starts the thread that reads a database, and bounds it: what it can't read in its memory ends it, not the daemon. */
import { Worker } from 'node:worker_threads';

import { unusable } from './files.ts';
import type { Loaded } from './load.ts';
import type { LoadAnswer, LoadRequest } from './worker.ts';

const MEMORY_MB = 3072;

/** `source`: what people call it. Throws VULNERABILITY_DATA, or the signal's reason. */
export async function loadApart(source: string, request: LoadRequest, signal: AbortSignal): Promise<Loaded> {
  signal.throwIfAborted();
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: request,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  const stop = (): void => void worker.terminate();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const answer = await new Promise<LoadAnswer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', (error) => reject(unusable(source, String(error.message), error)));
      worker.once('exit', () => reject(signal.aborted ? (signal.reason as Error) : unusable(source, 'reading it ended early')));
    });
    if ('loaded' in answer) return answer.loaded;
    throw unusable(source, answer.why);
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
  }
}
