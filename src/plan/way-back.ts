/** Where a fleet goes back to. A release whose image was revoked is no way back while there is another (law 1). Pure. */
import type { ReleaseNumber } from '../domain/ids.ts';
import { whyRevoked, type Revoked } from '../domain/revocation.ts';
import type { FleetEvent } from './events.ts';
import { whyNoReturn } from './no-return.ts';
import { releaseOfState, type FleetState } from './state.ts';

/**
 * `from`, or the newest release before it that served and may start. `from` all the same where there is none: nothing of
 * it is launched, but what is left of it goes on serving, which is more than an empty fleet does. What the present rollout
 * moves to is what is being left.
 */
export function wayBack(state: FleetState, from: ReleaseNumber | null, revoked: Revoked): ReleaseNumber | null {
  if (from === null || mayStart(state, from, revoked)) return from;
  return newestOnTrail(state, revoked) ?? from;
}

/** The newest release that served before the one that serves, may start, and is not what is being left. */
export const newestOnTrail = (state: FleetState, revoked: Revoked): ReleaseNumber | null =>
  state.trail.findLast((release) => release !== state.rollout?.to && mayStart(state, release, revoked)) ?? null;

/**
 * A fleet that rests on a revoked image leaves it where its release asks for that (`replace.revoked: roll-back`), once for
 * each revocation: where the way back failed, a person is needed.
 */
export function leaveRevoked(state: FleetState, revoked: Revoked): FleetEvent | null {
  const { serving, ended } = state;
  const release = serving === null ? undefined : releaseOfState(state, serving);
  if (release?.content.replace.revoked !== 'roll-back') return null;
  const revocation = revoked(release.content.image);
  const to = newestOnTrail(state, revoked);
  if (revocation === null || to === null || whyNoReturn(state, to) !== null) return null;
  if (ended?.outcome === 'rolled-back' && ended.at >= revocation.since) return null;
  const reason = `the image of r${serving} was ${whyRevoked(revocation)}`;
  return { kind: 'rollout.started', from: serving, to, cause: 'rollback', reason };
}

const mayStart = (state: FleetState, release: ReleaseNumber, revoked: Revoked): boolean =>
  revoked(releaseOfState(state, release).content.image) === null;
