/** Addresses that clients connect to: no two fleets on one, and none that another process has. */
import type { FleetId } from '../domain/ids.ts';
import type { Address } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';
import { requireFree } from './ports.ts';
import { doorsOf, type Door } from './routes.ts';
import type { Fleets } from './slots.ts';

const allDoors = (fleets: Fleets): readonly Door[] => [...fleets.values()].flatMap(doorsOf);

/**
 * Throws PORT_IN_USE for a door of `next` that can't be opened. `present`: the fleets whose doors our own process holds.
 * Asked before HAProxy tries, because one that finds a port taken makes its old workers stop listening while it retries.
 */
export async function requireDoors(next: Fleets, present: Fleets): Promise<void> {
  const doors = allDoors(next);
  for (const [index, door] of doors.entries()) {
    const other = doors.slice(0, index).find((each) => overlap(each.listen, door.listen));
    if (other !== undefined) throw takenByFleet(door, other);
  }
  for (const { listen } of doors) await requireOpenable(listen, present);
}

/** Throws PORT_IN_USE for an address that the fleet could not listen on, given the other fleets of `known`. */
export async function requireAddresses(
  fleet: FleetId,
  addresses: readonly Address[],
  known: Fleets,
  present: Fleets,
): Promise<void> {
  const others = allDoors(known).filter((door) => door.fleet !== fleet);
  for (const listen of addresses) {
    const other = others.find((each) => overlap(each.listen, listen));
    if (other !== undefined) throw takenByFleet({ name: fleet, listen }, other);
    await requireOpenable(listen, present);
  }
}

async function requireOpenable(listen: Address, present: Fleets): Promise<void> {
  const samePort = allDoors(present).filter((each) => each.listen.port === listen.port);
  if (samePort.some((each) => each.listen.host === listen.host)) return;
  // HAProxy can move to another address of a port beside its own sockets, so these must not count.
  await requireFree(listen, samePort.length > 0);
}

const WILDCARDS = new Set(['0.0.0.0', '::']);

const overlap = (a: Address, b: Address): boolean =>
  a.port === b.port && (a.host === b.host || WILDCARDS.has(a.host) || WILDCARDS.has(b.host));

const takenByFleet = (door: Pick<Door, 'name' | 'listen'>, other: Door): KilnError =>
  new KilnError('PORT_IN_USE', `${door.name} cannot listen on ${door.listen.host}:${door.listen.port}: ${other.name} does`, {
    hint: 'give one of the two services another `listen`',
  });
