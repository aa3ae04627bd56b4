/**
 * Brings a running worker to the wanted routing: reads what it has, changes what differs, reads again. The order within
 * one change keeps every request served: servers first, then the maps (one commit each), only then drains and removals.
 */
import type { Endpoint } from '../engines/engine.ts';
import type { Worker } from './master.ts';
import { mapPath, type TrafficPaths } from './paths.ts';
import { mapText, parseMap, rangeKey, type Range } from './map.ts';
import { backendName, doorsOf, everything, LANES, parseBackend, rangesOf, relayBackend } from './routes.ts';
import { serverArguments } from './config.ts';
import { taken, type RoutedFleet } from './slots.ts';
import { parseServers, type ServerRow } from './stat.ts';

/** A server changes at most once by our commands; what still differs after this many rounds will never agree. */
const ROUNDS = 3;

interface WantedServer {
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly fleet: RoutedFleet;
}

/** Returns how many servers of removed endpoints are still there, because they have connections. */
export async function converge(worker: Worker, fleets: readonly RoutedFleet[], paths: TrafficPaths): Promise<number> {
  const wanted = new Map(fleets.flatMap(wantedServers).map((each) => [each.id, each]));
  const mine = new Set(fleets.map((fleet) => fleet.table.fleet as string));
  for (let round = 0; round < ROUNDS; round += 1) {
    const [seen, stale] = await Promise.all([serversOf(worker, mine), staleDoors(worker, fleets, paths)]);
    const additions = [...wanted.values()].flatMap((each) => additionsFor(each, seen.get(each.id)));
    const withdrawals = [...withdrawalsFor(wanted, seen)];
    await worker.change(additions);
    for (const { file, ranges } of stale) await commitMap(worker, file, ranges);
    await worker.change(withdrawals);
    if (additions.length + withdrawals.length + stale.length === 0) return removeIdle(worker, wanted, seen);
  }
  throw new Error('HAProxy does not keep the routing that it is given');
}

/** `health up`: a configured server would fall at its first failed check, and the keeper registers only healthy instances. */
export async function assertHealth(worker: Worker, fleets: readonly RoutedFleet[]): Promise<void> {
  await worker.change(fleets.flatMap(wantedServers).map(({ id }) => `set server ${id} health up`));
}

/** Makes a worker that is leaving hand its last requests to the newest one, whose routing is kept current. */
export async function relay(worker: Worker, paths: TrafficPaths): Promise<void> {
  const prefix = mapPath(paths, '').slice(0, -'.map'.length);
  const files = [...(await worker.query('show map')).matchAll(/\(([^()]+)\)/g)].map(([, file]) => file ?? '');
  for (const file of files.filter((each) => each.startsWith(prefix) && each.endsWith('.map'))) {
    const door = file.slice(prefix.length, -'.map'.length);
    if (door.includes('.')) await commitMap(worker, file, everything(`${relayBackend(door)}|relay`));
  }
}

function wantedServers(fleet: RoutedFleet): readonly WantedServer[] {
  return taken(fleet).flatMap(({ slot, routed }) =>
    routed.endpoints.flatMap((endpoint) =>
      LANES.map((lane) => ({ id: `${backendName(fleet.table.fleet, slot, lane)}/${endpoint.instance}`, endpoint, fleet })),
    ),
  );
}

async function serversOf(worker: Worker, fleets: ReadonlySet<string>): Promise<ReadonlyMap<string, ServerRow>> {
  const rows = parseServers(await worker.query('show servers state'));
  return new Map(
    rows.filter((row) => fleets.has(parseBackend(row.backend)?.fleet ?? '')).map((row) => [`${row.backend}/${row.name}`, row]),
  );
}

function additionsFor({ id, endpoint, fleet }: WantedServer, seen: ServerRow | undefined): readonly string[] {
  const args = serverArguments(endpoint, fleet.table.health);
  const checked = args.includes(' check ');
  const rise = checked ? [`set server ${id} health up`] : [];
  if (seen === undefined) {
    const enable = checked ? [`enable health ${id}`] : [];
    return [`add server ${id} ${args}`, ...enable, `set server ${id} state ${endpoint.state}`, ...rise];
  }
  const { host, port } = endpoint.address;
  const moved = seen.host !== host || seen.port !== port ? [`set server ${id} addr ${host} port ${port}`] : [];
  const readied = endpoint.state === 'ready' && seen.state !== 'ready' ? [`set server ${id} state ready`, ...rise] : [];
  return [...moved, ...readied];
}

function* withdrawalsFor(wanted: ReadonlyMap<string, WantedServer>, seen: ReadonlyMap<string, ServerRow>): Iterable<string> {
  for (const [id, row] of seen) {
    const state = wanted.get(id)?.endpoint.state ?? 'maint';
    if (state !== 'ready' && row.state !== state) yield `set server ${id} state ${state}`;
  }
}

interface Routes {
  readonly file: string;
  readonly ranges: readonly Range[];
}

/** The maps that are not as they should be. */
async function staleDoors(worker: Worker, fleets: readonly RoutedFleet[], paths: TrafficPaths): Promise<readonly Routes[]> {
  const wanted = fleets.flatMap((fleet) =>
    doorsOf(fleet).map((door) => ({ file: mapPath(paths, door.name), ranges: rangesOf(door, fleet) })),
  );
  const stale: Routes[] = [];
  for (const routes of wanted) {
    const present = parseMap(await worker.query(`show map ${routes.file}`));
    if (mapText(present) !== mapText(routes.ranges)) stale.push(routes);
  }
  return stale;
}

/** All or nothing: the entries of the new version become visible, and those of the old one vanish, at once. */
async function commitMap(worker: Worker, file: string, ranges: readonly Range[]): Promise<void> {
  const answer = await worker.query(`prepare map ${file}`);
  const version = /New version created: (\d+)/.exec(answer)?.[1];
  if (version === undefined) throw new Error(`HAProxy opened no new version of ${file}: ${answer.trim()}`);
  const entries = ranges.map((range) => `add map @${version} ${file} ${rangeKey(range)} ${range.route}`);
  await worker.change([...entries, `commit map @${version} ${file}`]);
}

/** Deletes the servers of endpoints that are gone, where no connection is left. */
async function removeIdle(
  worker: Worker,
  wanted: ReadonlyMap<string, WantedServer>,
  seen: ReadonlyMap<string, ServerRow>,
): Promise<number> {
  let left = 0;
  for (const id of seen.keys()) {
    if (wanted.has(id)) continue;
    const answer = await worker.query(`del server ${id}`);
    if (!answer.includes('Server deleted.')) left += 1;
  }
  return left;
}
