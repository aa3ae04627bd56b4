/** Instances that the history does not account for. Their fleets are held as they are: whoever acts on half the facts breaks laws. */
import { fleetOf, type FleetId, type GroupId } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import type { Address, InstanceObservation } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';

/** A release of the history is what the instance was launched with. */
export const isExplained = (releases: ReadonlyMap<GroupId, Release>, { group, release }: InstanceObservation): boolean =>
  releases.get(group)?.hash === release;

/** HISTORY_LOST for these instances, perhaps none, of one fleet; `listen`: where traffic is taken for them. */
export function historyLost(
  instances: readonly InstanceObservation[],
  fleet: FleetId | null = null,
  listen: Address | null = null,
): KilnError {
  const fleets = fleet === null ? [...new Set(instances.map(({ group }) => fleetOf(group)))].join(', ') : fleet;
  const parts = [
    ...(instances.length === 0 ? [] : [instances.length === 1 ? '1 instance' : `${instances.length} instances`]),
    ...(listen === null ? [] : [`routing from ${listen.host}:${listen.port}`]),
  ];
  return new KilnError('HISTORY_LOST', `${fleets}: ${parts.join(' and ')} that the history does not explain`, {
    hint: 'kiln.db was lost or is an older copy: put the right one back (`kiln down --keep`, copy it, `kiln up`), or retire what it does not know with `kiln down`, then deploy again',
  });
}
