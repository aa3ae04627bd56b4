/** What people call things: `web` where only one environment runs it, else `web.local`. */
import { isFleetId, isServiceName, serviceOf, type FleetId } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';

/** Throws NOT_FOUND, or USAGE where several fleets are meant. */
export function resolveFleet(name: string, fleets: readonly FleetId[]): FleetId {
  const meant = fleets.filter((fleet) => fleet === name || serviceOf(fleet) === name);
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  if (only !== undefined) {
    throw new KilnError('USAGE', `"${name}" runs in several environments: ${meant.join(', ')}`, { hint: `name one: ${only}` });
  }
  throw new KilnError('NOT_FOUND', `there is no service "${name}"`, {
    hint: fleets.length === 0 ? 'nothing is deployed yet: `kiln deploy`' : `deployed are ${fleets.join(', ')}`,
  });
}

/** For the history, which outlives fleets: any name that a fleet can have. */
export function pastFleets(name: string, known: ReadonlySet<FleetId>): readonly FleetId[] {
  if (!isFleetId(name) && !isServiceName(name)) {
    throw new KilnError('USAGE', `"${name}" cannot be the name of a service`, {
      hint: 'name a service (web) or a fleet (web.local)',
    });
  }
  return [...known].filter((fleet) => fleet === name || serviceOf(fleet) === name);
}
