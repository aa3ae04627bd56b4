/** A routing table beside what the load balancer does, and beside what there is to route to. */
import type { GroupId } from '../domain/ids.ts';
import type { BalancerObservation, CanaryRule, RoutingTable } from '../engines/engine.ts';
import { sameRule } from '../plan/traffic.ts';
import { overtaken } from './refusals.ts';

/** By how many rules requests go to the group. */
const matched = (rule: CanaryRule | null | undefined, group: GroupId): number =>
  rule?.group === group ? rule.matches.length : 0;

/** What the load balancer says it does is what the table asks for. */
export function inForce(table: RoutingTable, seen: BalancerObservation | null): boolean {
  if (seen === null) return false;
  const wanted = table.groups.flatMap((group) => group.endpoints);
  const states = new Map(seen.endpoints.map(({ instance, state }) => [instance, state] as const));
  const weighted = table.groups.filter((group) => group.weight > 0);
  return (
    (table.preview?.group ?? null) === seen.preview &&
    sameRule(table.canary, seen.canary) &&
    weighted.every((group) => seen.weights[group.group] === group.weight) &&
    Object.values(seen.weights).filter((weight) => weight > 0).length === weighted.length &&
    seen.endpoints.length === wanted.length &&
    wanted.every((endpoint) => states.get(endpoint.instance) === endpoint.state)
  );
}

/** A group that is to take more must have what the planner saw of it: it may have died since (law 4). Throws PLAN_STALE. */
export function requireStillThere(
  { groups, canary }: RoutingTable,
  seen: BalancerObservation | null,
  shown: ReadonlyMap<GroupId, number> | undefined,
): void {
  for (const { group, weight, endpoints } of groups) {
    const ready = endpoints.filter((endpoint) => endpoint.state === 'ready').length;
    const had = shown?.get(group) ?? 0;
    const more = weight > (seen?.weights[group] ?? 0) || matched(canary, group) > matched(seen?.canary, group);
    if (more && ready < had) throw overtaken(group, had, ready);
  }
}
