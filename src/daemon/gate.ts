/**
 * Between those who bring images in or set out for them, and the collector who takes them away: any number of the first at a
 * time, or one of the second. A collector waits for a gap and holds nobody back meanwhile: a rollback must not wait for the
 * bake that gc waits for. Where none comes, it gives up.
 */
import { KilnError } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';

export interface Gate {
  shared<T>(work: () => Promise<T>): Promise<T>;
  /** Throws IMAGES_BUSY where others were inside all the time. */
  exclusive<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** So long a collector waits for its gap. */
const PATIENCE_MS = 5 * 60_000;

export function createGate(clock: Clock): Gate {
  const inside = new Set<Promise<unknown>>();
  /** At most one: who is alone. */
  const alone = new Set<Promise<unknown>>();
  return {
    async shared(work) {
      while (alone.size > 0) await settled(alone);
      return through(inside, work);
    },
    async exclusive(work, signal) {
      const patience = new AbortController();
      const late = clock.sleep(PATIENCE_MS, AbortSignal.any([signal, patience.signal])).then(
        () => Promise.reject(busy()),
        (reason: unknown) => Promise.reject(reason as Error),
      );
      late.catch(() => {}); // Also when nobody waits for it any more.
      try {
        while (alone.size + inside.size > 0) await Promise.race([late, settled(alone.size > 0 ? alone : inside)]);
      } finally {
        patience.abort();
      }
      return through(alone, work);
    },
  };
}

async function through<T>(room: Set<Promise<unknown>>, work: () => Promise<T>): Promise<T> {
  const running = work();
  room.add(running);
  try {
    return await running;
  } finally {
    room.delete(running);
  }
}

/** The first of them to end, however it does. */
const settled = (works: Iterable<Promise<unknown>>): Promise<unknown> =>
  Promise.race([...works].map((each) => each.catch(() => {})));

const busy = (): KilnError =>
  new KilnError('IMAGES_BUSY', 'bakes, pulls or deploys were under way for five minutes on end', {
    hint: 'nothing was collected; try again when they are over',
  });
