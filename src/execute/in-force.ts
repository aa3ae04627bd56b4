/** Whether a routing table is what the load balancer does. */
import type { GroupId } from '../domain/ids.ts';
import type { BalancerObservation, CanaryRule, RoutingTable } from '../engines/engine.ts';
import { sameRule } from '../plan/traffic.ts';

/** By how many rules requests go to the group. */
export const matched = (rule: CanaryRule | null | undefined, group: GroupId): number =>
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
