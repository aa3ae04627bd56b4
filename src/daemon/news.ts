/** Waiting for the journal without missing anything: what was appended since the last wait ends the next one at once. */
import type { Journal } from '../store/journal.ts';

export interface News {
  /** Resolves when something was appended since the last call, or when the signal has fired. One caller at a time. */
  next(): Promise<void>;
  stop(): void;
}

export function newsOf(journal: Journal, signal: AbortSignal): News {
  let latch = Promise.withResolvers<void>();
  const open = (): void => latch.resolve();
  const unfollow = journal.follow(open);
  signal.addEventListener('abort', open);
  if (signal.aborted) open();
  return {
    async next() {
      await latch.promise;
      latch = Promise.withResolvers<void>();
      if (signal.aborted) open();
    },
    stop() {
      unfollow();
      signal.removeEventListener('abort', open);
    },
  };
}
