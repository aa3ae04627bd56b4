/**
 * Between those who bring images in and the collector who takes them away: any number of the first at a time, or one of
 * the second. A collector who waits holds newcomers back, so that it gets its turn.
 */
export interface Gate {
  shared<T>(work: () => Promise<T>): Promise<T>;
  exclusive<T>(work: () => Promise<T>): Promise<T>;
}

export function createGate(): Gate {
  /** The end of the last that is or wants to be alone. */
  let alone: Promise<unknown> = Promise.resolve();
  const inside = new Set<Promise<unknown>>();
  return {
    async shared(work) {
      for (let last: unknown = null; last !== alone;) {
        last = alone;
        await alone;
      }
      const running = work();
      inside.add(running);
      try {
        return await running;
      } finally {
        inside.delete(running);
      }
    },
    exclusive(work) {
      const running = alone.then(() => Promise.allSettled(inside)).then(work);
      alone = Promise.allSettled([running]);
      return running;
    },
  };
}
