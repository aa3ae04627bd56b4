/** Instances and jobs that the history does not account for. Their fleets are held as they are: whoever acts on half the facts breaks laws. */
import type { Digest } from '../domain/digest.ts';
import { fleetOf, groupOf, isJobId, type ContainerId, type FleetId, type GroupId } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import type { Address } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';

/** An instance or a job, as the engine shows it. */
export interface Shown {
  readonly id: ContainerId;
  /** The hash of what it was launched with. */
  readonly release: Digest;
}

/** A release of the history is what it was launched with. */
export const isExplained = (releases: ReadonlyMap<GroupId, Release>, { id, release }: Shown): boolean =>
  releases.get(groupOf(id))?.hash === release;

/** HISTORY_LOST for these, perhaps none, of one fleet; `listen`: where traffic is taken for them. */
export function historyLost(shown: readonly Shown[], fleet: FleetId | null = null, listen: Address | null = null): KilnError {
  const fleets = fleet === null ? [...new Set(shown.map(({ id }) => fleetOf(groupOf(id))))].join(', ') : fleet;
  const jobs = shown.filter(({ id }) => isJobId(id)).length;
  const parts = [
    ...counted(shown.length - jobs, 'instance'),
    ...counted(jobs, 'job'),
    ...(listen === null ? [] : [`routing from ${listen.host}:${listen.port}`]),
  ];
  return new KilnError('HISTORY_LOST', `${fleets}: ${parts.join(' and ')} that the history does not explain`, {
    hint: 'kiln.db was lost or is an older copy: put the right one back (`kiln down --keep`, copy it, `kiln up`), or retire what it does not know with `kiln down`, then deploy again',
  });
}

const counted = (count: number, noun: string): readonly string[] =>
  count === 0 ? [] : [`${count} ${noun}${count === 1 ? '' : 's'}`];
