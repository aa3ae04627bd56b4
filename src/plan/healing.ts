/**
 * How fast what failed is replaced. Instances that fail together have one cause (a machine under too much load, a dependency that
 * is down), and to launch all of them anew at once, again and again, makes it worse. So the first replacements are a part of
 * the group at a time; where those fail too, one alone is tried, later each time; and each that became healthy lets one more
 * start beside it, so that a group that recovers does so in doublings. Pure.
 */
import type { InstanceObservation } from '../engines/engine.ts';
import type { KeptGroup } from './kept-state.ts';

/** A group is forgiven its failures when nothing has failed for this long. */
export const FORGIVE_MS = 60_000;
const BRAKE_MAX_MS = 60_000;
/** Of the first generation that fails so many are replaced at a time: a share of the group, and a small group as a whole. */
const FIRST_SHARE = 0.2;
const FIRST_AT_LEAST = 4;

/** The first generation that fails costs no time; then 1 s, 2 s, 4 s … up to a minute without any launch. */
export function brakedUntil({ braking, lastFailureAt }: KeptGroup): number | null {
  if (braking <= 1) return null;
  return lastFailureAt + Math.min(BRAKE_MAX_MS, 1000 * 2 ** (braking - 2));
}

/** Its replacements share the engine's room with those of all fleets. What fails again and again is slow enough by itself. */
export const sharesRoom = ({ braking }: KeptGroup): boolean => braking === 1;

/** How many more of the group may be launched now, of which `starting` have no health yet. */
export function healingRoom(group: KeptGroup, live: readonly InstanceObservation[], starting: number): number {
  if (group.braking === 0) return Number.POSITIVE_INFINITY;
  const recovered = live.filter(({ health }) => health.status === 'healthy' && health.since > group.lastFailureAt).length;
  const first = sharesRoom(group) ? Math.max(FIRST_AT_LEAST, Math.ceil(group.size * FIRST_SHARE)) : 1;
  return Math.max(0, first + recovered - starting);
}
