/**
 * Recreate: all of the old stop before any of the new starts, because they share what only one may write. The floor is 0
 * and said to be. The previous group stays at size 0: its image is mounted, its way back is the same in reverse.
 */
import type { GroupId } from '../../domain/ids.ts';
import type { Outcome } from '../events.ts';
import { sameWeights } from '../traffic.ts';
import { allTo, isPast, previewed, type Goal, type RolloutWorld } from '../world.ts';
import { finish, givesUpAt, waitForReady, warmFrom, wayOut } from './parts.ts';

export function recreate(world: RolloutWorld, outcome: Outcome): Goal {
  const { target, others, from } = world;
  const stopping = others.filter((view) => view.running > 0);
  if (stopping.length > 0) return clear(world);
  const before = writersFirst(world) && !isPast(world, 'before');
  const size = before ? 0 : world.size;
  const ready = !before && target.ready >= size;
  const sizes = new Map<GroupId, number>([[target.group, size]]);
  if (from !== null) sizes.set(from.group, 0);
  const switched = sameWeights(world.weights, allTo(target.group));
  return {
    sizes,
    weights: ready && isPast(world, 'traffic') ? allTo(target.group) : null,
    preview: previewed(world),
    ...(before ? { at: 'before' } : ready ? { at: 'traffic' } : {}),
    waits: waitForReady(world),
    done: !before && target.steady >= size && switched ? finish(outcome, warmFrom(world, 0)) : null,
  };
}

/** A job has the volumes of its release: where one of them has a single writer, it runs once the old instances are gone. */
export const writersFirst = ({ release }: RolloutWorld): boolean =>
  release.content.launch.volumes.some((volume) => volume.singleWriter);

/** Traffic off, everything down. Nothing is deleted before it has stopped. */
function clear(world: RolloutWorld): Goal {
  const { target, others } = world;
  const names = others.filter((view) => view.running > 0).map((view) => `r${view.release}`);
  const what = `${names.join(', ')} to stop before r${target.release} starts`;
  return {
    sizes: new Map([...others.map((view) => [view.group, 0] as const), [target.group, 0]]),
    weights: {},
    preview: null,
    waits: [{ state: 'old-instances', what, until: givesUpAt(world), otherwise: wayOut(world) }],
    done: null,
  };
}
