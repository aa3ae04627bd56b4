/** No rollout: the serving group at its size, one more while one is replaced; the ways back as they were left; nothing else. */
import { groupId, type GroupId } from '../../domain/ids.ts';
import { healingWait } from '../healing-wait.ts';
import { replacing } from '../recycle.ts';
import { allTo, covered, type Goal, type World } from '../world.ts';

export function steady(world: World): Goal {
  const { state, size } = world;
  const sizes = new Map<GroupId, number>(covered(world).map((warm) => [groupId(state.fleet, warm.release), warm.size]));
  if (state.serving === null) return { sizes, weights: null, preview: null, waits: [], done: null };
  const group = groupId(state.fleet, state.serving);
  const healthy = world.groups.some((view) => view.group === group && view.ready > 0);
  const weights = healthy ? allTo(group) : null;
  const replaced = replacing(world);
  sizes.set(group, replaced === null ? size : size + 1);
  if (replaced === null) return { sizes, weights, preview: null, waits: healingWait(world), done: null };
  const { instance, ready, wait } = replaced;
  const retire = ready ? { retire: { instance, size, why: 'it has reached its age' } } : {};
  return { sizes, weights, preview: null, waits: [wait], done: null, ...retire };
}
