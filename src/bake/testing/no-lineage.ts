/** For bakes under test that have no daemon: there are no channels, and every base may be built on. */
import { KilnError } from '../../errors/error.ts';
import type { BakeLineage } from '../contract.ts';

export const noLineage: BakeLineage = {
  heldBy(service, channel) {
    throw new KilnError('NOT_FOUND', `no channel "${service}.${channel}" holds an image`, { hint: 'set it' });
  },
  onBase() {},
};
