/** What the running HAProxy does, read from it alone. */
import { isInstanceId, type FleetId, type InstanceId } from '../domain/ids.ts';
import type { BalancerObservation, EndpointObservation } from '../engines/engine.ts';
import type { Master, Worker } from './master.ts';
import { mapPath, type TrafficPaths } from './paths.ts';
import { parseMap } from './map.ts';
import { groupOfRoute, parseBackend, weightsOf } from './routes.ts';
import { ruleIn } from './rule.ts';
import { streamsOf } from './streams.ts';
import { parseServers, parseStat, type ServerState, type StatRow } from './stat.ts';

/** Requests in flight count in every worker: after a reload the old one still serves what it had begun. */
export async function observeFleet(
  master: Master,
  fleet: FleetId,
  preview: boolean,
  paths: TrafficPaths,
): Promise<BalancerObservation> {
  const worker = await master.current();
  const mine = (backend: string): boolean => parseBackend(backend)?.fleet === fleet;
  const [stat, streams, leaving, servers, map, shown] = await Promise.all([
    worker.query('show stat'),
    streamsOf(worker),
    leavingInflight(master),
    worker.query('show servers state'),
    worker.query(`show map ${mapPath(paths, fleet)}`),
    preview ? previewGroup(worker, fleet, paths) : null,
  ]);
  const rows = parseStat(stat).filter((row) => mine(row.backend) && isInstanceId(row.name));
  const states = new Map(
    parseServers(servers)
      .filter((server) => mine(server.backend))
      .map((server) => [server.name, server.state] as const),
  );
  const routes = parseMap(map);
  return {
    weights: weightsOf(routes),
    canary: ruleIn(routes),
    preview: shown,
    endpoints: endpointsOf(rows, states, streams ?? new Map(), leaving),
  };
}

async function previewGroup(worker: Worker, fleet: FleetId, paths: TrafficPaths): Promise<BalancerObservation['preview']> {
  const [range] = parseMap(await worker.query(`show map ${mapPath(paths, `${fleet}:preview`)}`));
  return range === undefined ? null : (groupOfRoute(range.route)?.group ?? null);
}

type Inflight = Pick<EndpointObservation, 'sessions' | 'streams'>;

const NOTHING: Inflight = { sessions: 0, streams: 0 };

/** By instance. A worker that ends while it is asked has nothing in flight. */
async function leavingInflight(master: Master): Promise<ReadonlyMap<string, Inflight>> {
  const all = new Map<string, Inflight>();
  for (const pid of (await master.workers()).old) {
    const seen = await inflightOf(master.worker(pid)).catch(async (error: unknown) => {
      if ((await master.workers()).old.includes(pid)) throw error;
      return new Map<string, Inflight>();
    });
    for (const [name, { sessions, streams }] of seen) {
      const before = all.get(name) ?? NOTHING;
      all.set(name, { sessions: before.sessions + sessions, streams: before.streams + streams });
    }
  }
  return all;
}

async function inflightOf(worker: Worker): Promise<ReadonlyMap<string, Inflight>> {
  const streams = await streamsOf(worker);
  const all = new Map<string, Inflight>();
  for (const { name, sessions } of parseStat(await worker.query('show stat'))) {
    const sum = (all.get(name)?.sessions ?? 0) + sessions;
    all.set(name, { sessions: sum, streams: streams?.get(name) ?? (streams === null ? sum : 0) });
  }
  return all;
}

/** One endpoint is a server in each lane. In maintenance are those that were removed and wait for their last connections. */
function endpointsOf(
  rows: readonly StatRow[],
  states: ReadonlyMap<string, ServerState>,
  streams: ReadonlyMap<string, number>,
  leaving: ReadonlyMap<string, Inflight>,
): readonly EndpointObservation[] {
  const seen = new Map<InstanceId, EndpointObservation>();
  for (const { name, status, sessions } of rows) {
    const state = states.get(name);
    if (!isInstanceId(name) || state === undefined || state === 'maint') continue;
    const before = seen.get(name) ?? { up: true, ...inflightAt(name, streams, leaving) };
    // `UP 1/2` is up and failing; `no check` is taken for up.
    const up = before.up && !status.startsWith('DOWN') && !status.startsWith('MAINT');
    seen.set(name, { instance: name, state, up, sessions: before.sessions + sessions, streams: before.streams });
  }
  // The two counts are read one after the other: what ended in between was in flight when the streams were counted.
  return [...seen.values()].map((each) => ({ ...each, streams: Math.min(each.streams, each.sessions) }));
}

/** The newest worker's streams, and all that others still serve. */
function inflightAt(name: string, streams: ReadonlyMap<string, number>, leaving: ReadonlyMap<string, Inflight>): Inflight {
  const left = leaving.get(name) ?? NOTHING;
  return { sessions: left.sessions, streams: left.streams + (streams.get(name) ?? 0) };
}
