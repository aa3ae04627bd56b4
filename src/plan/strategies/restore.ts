/**
 * Restore: the way back. The group that served before is brought to full health first; then the traffic changes once.
 * With a warm group at full size that is one step. What serves meanwhile goes on serving.
 */
import type { GroupId } from '../../domain/ids.ts';
import { sameWeights } from '../traffic.ts';
import { allTo, covered, serves, share, standing, type Goal, type RolloutWorld } from '../world.ts';
import { finish, waitForReady, warmFrom } from './parts.ts';

export function restore(world: RolloutWorld): Goal {
  const { target, others, size, rollout } = world;
  const asked = rollout.cause === 'rollback';
  const sizes = new Map<GroupId, number>([[target.group, size]]);
  for (const view of others) {
    if (view.weight > 0) sizes.set(view.group, standing(view));
    else if (asked && view.release === rollout.from) sizes.set(view.group, view.size);
  }
  const ready = target.ready >= size;
  const switched = sameWeights(world.weights, allTo(target.group));
  return {
    sizes,
    weights: ready ? allTo(target.group) : meanwhile(world),
    preview: null,
    waits: waitForReady(world),
    done:
      target.steady >= size && switched
        ? finish(asked ? 'done' : 'rolled-back', asked ? warmFrom(world, world.from?.size ?? 0) : kept(world))
        : null,
  };
}

/** A release that failed is no way back: only what older windows cover stays. */
const kept = (world: RolloutWorld): ReturnType<typeof warmFrom> =>
  covered(world).filter(({ release }) => release !== world.target.release && release !== world.rollout.from);

/** Until the target is whole, those that serve go on, by their health; the target joins them if it served already. */
function meanwhile({ target, others, weights }: RolloutWorld): Goal['weights'] {
  const counts = new Map(others.filter((view) => view.weight > 0).map((view) => [view.group, serves(view)] as const));
  const stranded = [...counts.values()].every((ready) => ready === 0);
  if (target.weight > 0 || stranded) counts.set(target.group, serves(target));
  const next = share(counts);
  return next !== null && sameWeights(next, weights) ? null : next;
}
