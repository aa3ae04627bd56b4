/** When each image was last launched, as a fold over the records of fleets. Pure. */
import type { Digest } from '../domain/digest.ts';
import { groupId, groupOf, type FleetId, type GroupId, type InstanceId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import type { Release } from '../domain/release.ts';

/** Changed in place: the journal has an entry for each launch there ever was. */
export interface Launches {
  readonly images: Map<GroupId, Digest>;
  /** Ms since the epoch. */
  readonly last: Map<Digest, number>;
}

/** The kinds of entries that count. */
export const LAUNCH_KINDS: ReadonlySet<string> = new Set(['release.made', 'step.intent']);

export const noLaunches = (): Launches => ({ images: new Map(), last: new Map() });

/** Entries of other kinds leave it as it is. */
export function noteLaunch(
  launches: Launches,
  entry: { readonly fleet: FleetId | null; readonly kind: string; readonly data: Json; readonly at: number },
): void {
  if (entry.fleet === null) return;
  if (entry.kind === 'release.made') {
    const { release } = entry.data as unknown as { readonly release: Release };
    launches.images.set(groupId(entry.fleet, release.number), release.content.image);
  }
  if (entry.kind !== 'step.intent') return;
  const { step, instance } = entry.data as { readonly step?: Json; readonly instance?: Json };
  if (step !== 'launch' || typeof instance !== 'string') return;
  const image = launches.images.get(groupOf(instance as InstanceId));
  if (image !== undefined) launches.last.set(image, entry.at);
}
