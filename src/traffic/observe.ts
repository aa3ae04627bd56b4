/** What the running HAProxy does, read from it alone. */
import { isInstanceId, type FleetId, type InstanceId } from '../domain/ids.ts';
import type { BalancerObservation, EndpointObservation } from '../engines/engine.ts';
import type { Master, Worker } from './master.ts';
import { mapPath, type TrafficPaths } from './paths.ts';
import { parseMap } from './map.ts';
import { groupOfRoute, parseBackend, weightsOf } from './routes.ts';
import { ruleIn } from './rule.ts';
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
  const rows = parseStat(await worker.query('show stat')).filter((row) => mine(row.backend) && isInstanceId(row.name));
  const leaving = await leavingSessions(master);
  const states = new Map<string, ServerState>();
  for (const server of parseServers(await worker.query('show servers state'))) {
    if (mine(server.backend)) states.set(server.name, server.state);
  }
  const routes = parseMap(await worker.query(`show map ${mapPath(paths, fleet)}`));
  return {
    weights: weightsOf(routes),
    canary: ruleIn(routes),
    preview: preview ? await previewGroup(worker, fleet, paths) : null,
    endpoints: endpointsOf(rows, states, leaving),
  };
}

async function previewGroup(worker: Worker, fleet: FleetId, paths: TrafficPaths): Promise<BalancerObservation['preview']> {
  const [range] = parseMap(await worker.query(`show map ${mapPath(paths, `${fleet}:preview`)}`));
  return range === undefined ? null : (groupOfRoute(range.route)?.group ?? null);
}

/** By instance. A worker that ends while it is asked has nothing in flight. */
async function leavingSessions(master: Master): Promise<ReadonlyMap<string, number>> {
  const sessions = new Map<string, number>();
  for (const pid of (await master.workers()).old) {
    const answer = await master
      .worker(pid)
      .query('show stat')
      .catch(async (error: unknown) => {
        if ((await master.workers()).old.includes(pid)) throw error;
        return '';
      });
    for (const row of parseStat(answer)) sessions.set(row.name, (sessions.get(row.name) ?? 0) + row.sessions);
  }
  return sessions;
}

/** One endpoint is a server in each lane. In maintenance are those that were removed and wait for their last connections. */
function endpointsOf(
  rows: readonly StatRow[],
  states: ReadonlyMap<string, ServerState>,
  leaving: ReadonlyMap<string, number>,
): readonly EndpointObservation[] {
  const seen = new Map<InstanceId, EndpointObservation>();
  for (const { name, status, sessions } of rows) {
    const state = states.get(name);
    if (!isInstanceId(name) || state === undefined || state === 'maint') continue;
    const before = seen.get(name) ?? { up: true, sessions: leaving.get(name) ?? 0 };
    // `UP 1/2` is up and failing; `no check` is taken for up.
    const up = before.up && !status.startsWith('DOWN') && !status.startsWith('MAINT');
    seen.set(name, { instance: name, state, up, sessions: before.sessions + sessions });
  }
  return [...seen.values()];
}
