/**
 * Blue-green: the whole of green beside blue, green on the preview address, one switch, blue kept at full size for the
 * retention window.
 */
import type { GroupId } from '../../domain/ids.ts';
import { sameWeights } from '../traffic.ts';
import { allTo, isPast, standing, type Goal, type RolloutWorld } from '../world.ts';
import { finish, waitForReady, warmFrom } from './parts.ts';

export function blueGreen(world: RolloutWorld): Goal {
  const { target, size, from } = world;
  const sizes = new Map<GroupId, number>([[target.group, size]]);
  for (const view of world.others) {
    if (view.weight > 0) sizes.set(view.group, Math.max(standing(view), view === from ? size : 0));
    else if (view === from) sizes.set(view.group, view.size);
  }
  const ready = target.ready >= size;
  const open = ready && isPast(world, 'traffic');
  const switched = sameWeights(world.weights, allTo(target.group));
  return {
    sizes,
    weights: open ? allTo(target.group) : null,
    preview: open || world.release.content.routing.preview === null ? null : target.group,
    ...(ready ? { at: 'traffic' } : {}),
    waits: waitForReady(world),
    done: target.steady >= size && switched ? finish('done', warmFrom(world, from?.size ?? 0)) : null,
  };
}
