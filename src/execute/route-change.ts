/** What an application of a routing table changes: for the history, where the whole table of a large fleet would drown it. */
import type { InstanceId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import type { Endpoint, RoutedGroup, RoutingTable } from '../engines/engine.ts';

/** The same to the load balancer. */
export const sameTable = (a: RoutingTable, b: RoutingTable | undefined): boolean =>
  b !== undefined &&
  headOf(a) === headOf(b) &&
  a.groups.length === b.groups.length &&
  a.groups.every((group, at) => same(group, b.groups[at]));

/** The same function makes them all, so that the same is the same text. */
const headOf = ({ groups: _groups, ...head }: RoutingTable): string => JSON.stringify(head);
const aboutOf = ({ endpoints: _endpoints, ...about }: RoutedGroup): string => JSON.stringify(about);

const same = (a: RoutedGroup, b: RoutedGroup | undefined): boolean =>
  b !== undefined &&
  aboutOf(a) === aboutOf(b) &&
  a.endpoints.length === b.endpoints.length &&
  a.endpoints.every((endpoint, at) => sameEndpoint(endpoint, b.endpoints[at]));

const sameEndpoint = (a: Endpoint, b: Endpoint | undefined): boolean =>
  a.instance === b?.instance && a.state === b.state && a.address.host === b.address.host && a.address.port === b.address.port;

/** Weights in full; of the endpoints those that come, change or go. `before`: null where it is not known. */
export function routeChange(before: RoutingTable | null, after: RoutingTable): Json {
  const known = endpointsOf(before);
  const wanted = endpointsOf(after);
  const moved = [...wanted.values()].filter((endpoint) => !sameEndpoint(endpoint, known.get(endpoint.instance)));
  const named = (state: Endpoint['state']): readonly InstanceId[] =>
    moved.filter((endpoint) => endpoint.state === state).map(({ instance }) => instance);
  const gone = [...known.keys()].filter((instance) => !wanted.has(instance));
  return {
    whole: before === null,
    weights: Object.fromEntries(after.groups.map(({ group, weight }) => [group, weight])),
    preview: after.preview?.group ?? null,
    ...(after.canary === null ? {} : { canary: after.canary as unknown as Json }),
    ready: named('ready'),
    drain: named('drain'),
    gone,
  };
}

const endpointsOf = (table: RoutingTable | null): ReadonlyMap<InstanceId, Endpoint> =>
  new Map((table?.groups ?? []).flatMap((group) => group.endpoints.map((endpoint) => [endpoint.instance, endpoint] as const)));
