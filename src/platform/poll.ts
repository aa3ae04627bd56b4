/** Waiting for what nobody tells. */
import { systemClock, type Clock } from './clock.ts';

export interface PollOptions {
  readonly withinMs: number;
  readonly everyMs: number;
  readonly clock?: Clock;
  /** Its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** Looks, at once and then every so often, until it is so; false where it is not by the time. What `isSo` throws is thrown. */
export async function poll(isSo: () => boolean | Promise<boolean>, options: PollOptions): Promise<boolean> {
  const { withinMs, everyMs, clock = systemClock, signal } = options;
  for (const end = clock.now() + withinMs; ;) {
    if (await isSo()) return true;
    if (clock.now() >= end) return false;
    await clock.sleep(everyMs, signal);
  }
}
