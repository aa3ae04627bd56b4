/** What a planner is told of a group. Pure. */
import { groupOf } from '../domain/ids.ts';
import type { GroupObservation, InstanceObservation } from '../engines/engine.ts';
import { brakedUntil } from '../plan/healing.ts';
import type { KeeperInput } from '../plan/keeper-input.ts';
import type { KeptGroup } from '../plan/kept-state.ts';

/** `routed`: its fleet takes traffic, so that only who is ready in the load balancer serves. */
export function groupSeen(group: KeptGroup, { kept, grouped, endpoints, busy }: KeeperInput, routed: boolean): GroupObservation {
  const mine = grouped.get(group.group) ?? [];
  const there = new Set(mine.map(({ id }) => id));
  const launching = [...busy].filter(([id, what]) => what === 'launch' && groupOf(id) === group.group && !there.has(id));
  const sinceOf = ({ id, address, health }: InstanceObservation): number | null => {
    const stays = !kept.retiring.has(id) && busy.get(id) !== 'remove';
    const serves = address === null || !routed || endpoints.get(id)?.state === 'ready';
    return stays && serves && health.status === 'healthy' ? health.since : null;
  };
  const healthySince = mine.map(sinceOf).filter((since) => since !== null);
  const members = mine.filter((seen) => !kept.retiring.has(seen.id) && seen.health.status !== 'exited');
  return {
    group: group.group,
    size: group.size,
    members: members.map((seen) => ({ instance: seen.id, launchedAt: seen.launchedAt, healthy: sinceOf(seen) !== null })),
    running: mine.length + launching.length,
    healthySince,
    failures: group.failures,
    lastFailure: group.lastFailure,
    brakedUntil: brakedUntil(group),
    deleting: group.deleted,
  };
}
