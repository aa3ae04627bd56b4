/**
 * Hold: everything stays as it is and heals. While tasks run before anything of the release is launched, and where the way
 * on has failed and the way back is closed.
 */
import { isPast, serves, share, standing, type Goal, type RolloutWorld } from '../world.ts';

export function hold(world: RolloutWorld): Pick<Goal, 'sizes' | 'weights' | 'preview' | 'done'> {
  const { target, others, from } = world;
  const kept = [target, ...others].filter((view) => view.weight > 0 || view === from || (view === target && view.size > 0));
  const sizes = kept.map((view) => [view.group, view.weight > 0 ? standing(view) : view.size] as const);
  return { sizes: new Map(sizes), weights: byHealth(world), preview: null, done: null };
}

/** Null while every group that takes traffic has somebody to take it. Where nobody has, the new release may, once it is trusted. */
function byHealth(world: RolloutWorld): Goal['weights'] {
  const { target, others } = world;
  const serving = [target, ...others].filter((view) => view.weight > 0);
  if (serving.length > 0 && serving.every((view) => view.healthy > 0)) return null;
  const able = serving.filter((view) => view.healthy > 0);
  const last = isPast(world, 'before') && isPast(world, 'traffic') ? [target] : [];
  return share(new Map((able.length > 0 ? able : last).map((view) => [view.group, serves(view)] as const)));
}
