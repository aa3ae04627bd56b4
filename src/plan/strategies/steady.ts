/** No rollout: the serving group at its size, the ways back as they were left, nothing else. */
import { groupId, type GroupId } from '../../domain/ids.ts';
import { allTo, type Goal, type World } from '../world.ts';

export function steady(world: World): Goal {
  const { state, size, now } = world;
  const sizes = new Map<GroupId, number>();
  for (const warm of state.warm) {
    if (warm.until > now) sizes.set(groupId(state.fleet, warm.release), warm.size);
  }
  if (state.serving === null) return { sizes, weights: null, preview: null, waits: [], done: null };
  const group = groupId(state.fleet, state.serving);
  sizes.set(group, size);
  const healthy = world.groups.some((view) => view.group === group && view.ready > 0);
  return { sizes, weights: healthy ? allTo(group) : null, preview: null, waits: [], done: null };
}
