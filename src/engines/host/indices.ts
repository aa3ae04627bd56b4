/** Places in the subnet, one for each instance. The next free one in a circle, so that an address is not soon used again. */
import { KilnError } from '../../errors/error.ts';
import { FIRST_INDEX, LAST_INDEX } from '../../linux/subnet.ts';

export interface Indices {
  take(): number;
  adopt(index: number): void;
  giveBack(index: number): void;
  inUse(): ReadonlySet<number>;
}

export function createIndices(): Indices {
  const used = new Set<number>();
  let last = FIRST_INDEX - 1;
  return {
    take: () => {
      for (let tried = FIRST_INDEX; tried <= LAST_INDEX; tried++) {
        last = last >= LAST_INDEX ? FIRST_INDEX : last + 1;
        if (used.has(last)) continue;
        used.add(last);
        return last;
      }
      throw new KilnError('LAUNCH_FAILED', `all ${LAST_INDEX - FIRST_INDEX + 1} addresses of instances are in use`, {
        hint: 'run fewer instances on this machine',
      });
    },
    adopt: (index) => {
      used.add(index);
      last = Math.max(last, index);
    },
    giveBack: (index) => used.delete(index),
    inUse: () => used,
  };
}
