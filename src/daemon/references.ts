/** The references of releases, and the forms in which the API shows them. */
import type { PinnedReferenceBody, ReferenceStateBody } from '../api/configuration-bodies.ts';
import type { ReferenceState } from '../config/configuration.ts';
import type { FleetId } from '../domain/ids.ts';
import { placeOf } from '../domain/reference.ts';
import type { Reference, Release, ReleaseContent } from '../domain/release.ts';
import type { Fleets } from '../execute/fleets.ts';

/** The release that a fleet moves to, or is at. */
export function targetOf(fleets: Fleets, fleet: FleetId): Release | null {
  if (!fleets.list().includes(fleet)) return null;
  const { rollout, serving, releases } = fleets.state(fleet);
  const number = rollout === null ? serving : rollout.to;
  return number === null ? null : (releases[number - 1] ?? null);
}

export const referencesIn = (content: ReleaseContent | undefined): readonly Reference[] => content?.launch.references ?? [];

export const pinnedBody = ({ from, to, pin }: Reference): PinnedReferenceBody => ({ from, to: placeOf(to), pin });

export const stateBody = ({ reference, state, now, why }: ReferenceState): ReferenceStateBody => ({
  ...pinnedBody(reference),
  state,
  now,
  why,
});
