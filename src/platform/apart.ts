/** Work in a thread of its own: it holds up nothing else, and what it can't do in its memory ends it, not the process. */
import { parentPort, Worker, workerData } from 'node:worker_threads';

import type { ErrorCode } from '../errors/catalogue.ts';
import { KilnError } from '../errors/error.ts';

/** Errors lose their type on the way between threads. */
type Answer = { readonly value: unknown } | { readonly refused: { code: ErrorCode; message: string; hint: string } };

export interface ApartOptions {
  readonly memoryMb?: number;
  readonly signal?: AbortSignal;
}

/**
 * What `answerApart` answers in that module; input and answer are copied. Throws the KilnError that it threw, the signal's
 * reason, or what ended the thread: ERR_WORKER_OUT_OF_MEMORY, a bug.
 */
export async function apart<T>(module: URL, input: unknown, { memoryMb, signal }: ApartOptions = {}): Promise<T> {
  signal?.throwIfAborted();
  const resourceLimits = memoryMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memoryMb } };
  const worker = new Worker(module, { workerData: input, ...resourceLimits });
  const stop = (): void => void worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const answer = await new Promise<Answer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(signal?.aborted === true ? signal.reason : new Error('the thread ended early')));
    });
    if ('value' in answer) return answer.value as T;
    const { code, message, hint } = answer.refused;
    throw new KilnError(code, message, { hint });
  } finally {
    signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

/** The other side, in the thread: works with what `apart` was given, which is of the type that the two agreed on. */
export async function answerApart(work: (input: never) => unknown): Promise<void> {
  const answer = await answered(work);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  parentPort?.postMessage(answer);
}

async function answered(work: (input: never) => unknown): Promise<Answer> {
  try {
    return { value: await work(workerData as never) };
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    const { code, message, hint } = error;
    return { refused: { code, message, hint } };
  }
}
