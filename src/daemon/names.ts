/** What people call things: `web` where only one environment runs it, else `web.local`. */
import { isFleetId, isServiceName, serviceOf, type FleetId } from '../domain/ids.ts';
import { isDigest, type Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { findChannel } from '../lineage/channels.ts';
import type { Parts } from './parts.ts';

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

/**
 * A digest, its first digits, a tag, or a channel (`web.production`; `production` where one service alone has one of that
 * name), which means what it holds now. A whole digest need not be in the store: what is gone can still be revoked, and has a
 * lineage. Throws IMAGE_NOT_FOUND, NOT_FOUND, USAGE.
 */
export async function resolveImage({ images, lineage }: Pick<Parts, 'images' | 'lineage'>, reference: string): Promise<Digest> {
  if (isDigest(reference)) return reference;
  const isLong = reference.includes('.') && !reference.includes(':') && !reference.includes('/');
  const isChannel = isLong || [...lineage.state.channels.values()].some(({ name }) => name === reference);
  return isChannel ? findChannel(lineage.state, reference).image : images.resolve(reference);
}
