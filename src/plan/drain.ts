/** When an instance that is on its way out may be stopped (law 3). */
import { groupOf, type InstanceId } from '../domain/ids.ts';
import type { InstanceObservation } from '../engines/engine.ts';
import type { KeeperInput } from './keeper-input.ts';

/**
 * The load balancer has confirmed that nothing is in flight, or it never knew the instance, or the budget is spent. The
 * budget runs from when the load balancer drains: one that it still lists as ready may get traffic, whatever it was told.
 */
export function drained(input: KeeperInput, seen: InstanceObservation): boolean {
  if (!input.kept.retiring.has(seen.id)) return false;
  if (seen.address === null) return true;
  const endpoint = input.endpoints.get(seen.id);
  if (endpoint === undefined) return true;
  const since = input.draining.get(seen.id);
  if (endpoint.state === 'ready' || since === undefined) return false;
  return endpoint.sessions === 0 || input.now >= drainEnds(input, seen.id, since);
}

/** When its budget is spent: the longer of the two, as the load balancer counts requests and streams together. */
export function drainEnds(input: KeeperInput, id: InstanceId, since: number): number {
  const routing = input.release(groupOf(id))?.content.routing;
  return since + Math.max(routing?.drainMs ?? 0, routing?.streamDrainMs ?? 0);
}
