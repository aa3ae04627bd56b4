/** From what is kept and seen to the whole routing table of a fleet. Pure. */
import { releaseOf, type GroupId, type InstanceId } from '../domain/ids.ts';
import type { Routing } from '../domain/release.ts';
import type { Endpoint, InstanceObservation, RoutedGroup, RoutingTable } from '../engines/engine.ts';
import type { KeeperInput } from './keeper-input.ts';
import type { KeptState } from './kept-state.ts';

/** Null where the fleet takes no traffic. Groups at weight 0 are in it too, so that a switch is one change. */
export function routingTable(input: KeeperInput, retiring: ReadonlySet<InstanceId>): RoutingTable | null {
  const lead = leadGroup(input.kept);
  const content = lead === null ? undefined : input.release(lead)?.content;
  if (content === undefined) return null;
  const { routing, health } = content;
  if (routing.listen === null) return null;
  const { fleet } = input.kept;
  return {
    fleet,
    listen: routing.listen,
    preview: previewOf(input, routing),
    canary: canaryOf(input.kept),
    health,
    groups: [...input.kept.groups.keys()].toSorted().map((group) => routed(input, group, retiring)),
  };
}

/** A previewed group's own release says where its preview is. */
function previewOf({ kept, release }: KeeperInput, lead: Routing): RoutingTable['preview'] {
  const group = kept.preview;
  const listen = (group === null ? lead : release(group)?.content.routing)?.preview ?? null;
  return listen === null ? null : { listen, group };
}

/** A group that is gone gets nothing. */
const canaryOf = ({ canary, groups }: KeptState): RoutingTable['canary'] =>
  canary !== null && groups.has(canary.group) ? canary : null;

/** The group whose release says where to listen: the one with the most traffic, else the newest. */
function leadGroup(kept: KeptState): GroupId | null {
  const [lead] = [...kept.groups.values()].toSorted(
    (a, b) =>
      weightOf(kept, b.group) - weightOf(kept, a.group) ||
      Number(a.deleted) - Number(b.deleted) ||
      releaseOf(b.group) - releaseOf(a.group),
  );
  return lead?.group ?? null;
}

const weightOf = (kept: KeptState, group: GroupId): number => kept.weights[group] ?? 0;

function routed(input: KeeperInput, group: GroupId, retiring: ReadonlySet<InstanceId>): RoutedGroup {
  const endpoints = (input.grouped.get(group) ?? []).flatMap((seen) => endpointOf(input, seen, retiring));
  return { group, weight: weightOf(input.kept, group), endpoints };
}

/** Healthy: ready. On its way out or unhealthy: drains, if the load balancer knows it. Dead or being removed: not there. */
function endpointOf(input: KeeperInput, seen: InstanceObservation, retiring: ReadonlySet<InstanceId>): readonly Endpoint[] {
  const { address, id } = seen;
  if (address === null || seen.health.status === 'exited' || input.busy.get(id) === 'remove') return [];
  if (seen.health.status === 'healthy' && !retiring.has(id)) return [{ instance: id, address, state: 'ready' }];
  return input.endpoints.has(id) ? [{ instance: id, address, state: 'drain' }] : [];
}
