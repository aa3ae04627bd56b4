/** A fleet of which nothing is to stay: what still has to go, when that is late, and what then. Pure. */
import { releaseOf } from '../domain/ids.ts';
import { leavingMs } from './drain.ts';
import type { Wait } from './plan.ts';
import type { WaitingState } from './waiting.ts';
import type { World } from './world.ts';

/** Beyond what drains and graces may take: a machine under load, a load balancer that was away. */
const MARGIN_MS = 60_000;

/** `since`: when it was asked for. */
export function leavingDeadline({ state, groups }: World, since: number): number {
  const budgets = groups.map(({ group }) => {
    const release = state.releases[releaseOf(group) - 1];
    return release === undefined ? 0 : leavingMs(release.content);
  });
  return since + MARGIN_MS + Math.max(0, ...budgets);
}

/** `stays`: groups stay, and only what runs of them goes; empty where nothing does. */
export function leavingWait(
  world: World,
  { state, since, stays = false }: { readonly state: WaitingState; readonly since: number; readonly stays?: boolean },
): readonly Wait[] {
  const { groups, jobs, now } = world;
  const running = groups.reduce((sum, view) => sum + view.running, jobs.length);
  if (running === 0 && stays) return [];
  const what = running === 0 ? 'the load balancer to forget it' : left(running);
  const until = leavingDeadline(world, since);
  return now < until
    ? [{ state, what, until, otherwise: 'asks for a person and goes on trying' }]
    : [{ state, what: `${what}, which is late`, until: null, otherwise: 'Kiln goes on trying' }];
}

const left = (count: number): string =>
  count === 1 ? 'the last instance to drain and stop' : `${count} instances to drain and stop`;
