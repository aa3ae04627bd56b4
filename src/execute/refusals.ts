/** What the engine made of a runtime and a balancer refuses to do. */
import type { ContainerId, GroupId } from '../domain/ids.ts';
import { whyRevoked, type Revocation } from '../domain/revocation.ts';
import { KilnError } from '../errors/error.ts';

export const mismatch = (group: GroupId): KilnError =>
  new KilnError('RELEASE_MISMATCH', `${group} exists with another release`, { hint: 'this is a bug in Kiln: please report it' });

export const revokedNow = (id: ContainerId, revocation: Revocation): KilnError =>
  new KilnError('IMAGE_REVOKED', `${id} was not launched: its image was ${whyRevoked(revocation)}`, {
    hint: 'deploy another image, or roll back',
  });

/** What the planner saw of a group is not so any more. */
export const overtaken = (group: GroupId, shown: number, ready: number): KilnError =>
  new KilnError('PLAN_STALE', `${group} had ${shown} healthy instances and has ${ready} now`, {
    hint: 'nothing: Kiln looks again at once',
  });
