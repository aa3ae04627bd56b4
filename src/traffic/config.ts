/**
 * haproxy.cfg. Pure. The file always holds the whole routing, servers included, because servers that were added through the
 * runtime API are gone after a reload; what it takes a reload to change is its *structure* (see `structureOf`).
 */
import { isIPv6 } from 'node:net';
import { join } from 'node:path';

import type { Health } from '../domain/release.ts';
import type { Address, Endpoint } from '../engines/engine.ts';
import { sha256 } from '../platform/hash.ts';
import type { Digest } from '../domain/digest.ts';
import { bucketTable, METRICS_TABLE } from './buckets.ts';
import { mapPath, relayName, type TrafficPaths } from './paths.ts';
import {
  backendName,
  doorsOf,
  LANES,
  mirrorDoor,
  relayBackend,
  WRITES_MARK,
  WRITES_SUFFIX,
  type Door,
  type Lane,
} from './routes.ts';
import { matchLines, mirrorLines, mirrorRouteLine, NO_WIRING, placeLines } from './rule.ts';
import type { Fleets, RoutedFleet } from './slots.ts';
import { streamLines, streamsSection } from './streams.ts';

export interface Machine {
  /** The account that workers run as, in a chroot; null where Kiln isn't root or there is no such account. */
  readonly account: string | null;
  readonly maxConnections: number;
}

/** Old workers may finish what they serve for this long: as long as a stream may be silent. Drains end it before, at their pace. */
const HARD_STOP_SECONDS = 86_400;
const KEEP_ALIVE_SECONDS = 65;
/** Between two looks at a server that has just failed one: one that hangs should soon get nothing more. */
const FAST_CHECK_MS = 250;

export function renderConfig(fleets: Fleets, paths: TrafficPaths, machine: Machine): string {
  const routed = [...fleets.values()];
  const sections = [
    globalSection(
      paths,
      machine,
      routed.some(({ wiring }) => wiring.mirrors),
    ),
    defaultsSection(),
    slotDefaults(paths),
    `backend ${METRICS_TABLE} from base\n  stick-table type string len 256 size 100k store gpc0`,
    streamsSection(),
    noGroupSection(),
    ...routed.flatMap((fleet) => doorsOf(fleet).flatMap((door) => doorSections(door, fleet, paths, machine))),
    ...routed.filter(({ wiring }) => wiring.mirrors).map((fleet) => mirrorSection(fleet, paths, machine)),
    ...routed.flatMap(slotSections),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** What the runtime API can't change: two states of the same structure need no reload between them. */
export function structureOf(fleets: Fleets, paths: TrafficPaths, machine: Machine): Digest {
  const bare = [...fleets].map(([id, fleet]) => [id, { ...fleet, table: { ...fleet.table, groups: [], canary: null } }] as const);
  return sha256(renderConfig(new Map(bare), paths, machine));
}

const globalSection = (paths: TrafficPaths, { account, maxConnections }: Machine, mirrors: boolean): string =>
  [
    'global',
    `  stats socket ${quoted(paths.stats)} mode 600 level admin expose-fd listeners`,
    `  maxconn ${maxConnections}`,
    `  hard-stop-after ${HARD_STOP_SECONDS}s`,
    ...(mirrors ? [`  lua-load-per-thread ${quoted(paths.script)}`] : []),
    ...(account === null ? [] : [`  user ${account}`, `  group ${account}`, `  chroot ${quoted(paths.jail)}`]),
  ].join('\n');

const defaultsSection = (): string =>
  [
    'defaults base',
    '  mode http',
    '  timeout connect 2s',
    '  timeout client 60s',
    '  timeout server 300s',
    '  timeout tunnel 24h',
    // Slow senders of headers.
    '  timeout http-request 10s',
    `  timeout http-keep-alive ${KEEP_ALIVE_SECONDS}s`,
    // Enough to pass over several that died at once, before anybody has told HAProxy.
    '  retries 4',
    '  option redispatch 1',
    '  retry-on conn-failure',
    // A worker that leaves answers one more request on each idle connection instead of closing it under the client's hands.
    '  option idle-close-on-response',
  ].join('\n');

/** Rules are allowed in named defaults only, which is why this is not part of `base`. */
const slotDefaults = (paths: TrafficPaths): string =>
  [
    'defaults slot from base',
    '  balance leastconn',
    // Each request over a connection of its own. A kept one may be closing just as the request goes out, and nobody can tell
    // that from an instance that died of the request: repeated elsewhere, it would kill the next one, too. So nothing that may
    // have reached an instance is repeated (`retry-on conn-failure`), and none fails by a close that it could not know of.
    '  option http-server-close',
    '  option forwardfor',
    '  http-request set-header X-Forwarded-Proto http',
    // Before the script that sent the copy gives up: what no longer waits is not counted.
    "  http-request set-timeout server 5s if { var(txn.route) -m end '|mirror' }",
    // The app's own is about its connection to us. Clients that heed ours never send on a connection that we are closing.
    `  http-response set-header Keep-Alive timeout=${KEEP_ALIVE_SECONDS - 5}`,
    '  http-response set-var(txn.class) status,div(100)',
    `  http-response set-var(txn.bucket) date(0,us),sub(txn.begun),map_int(${bareWord(bucketTable(paths))},inf)`,
    `  http-response track-sc0 var(txn.route),concat(|,txn.class,|),concat(,txn.bucket) table ${METRICS_TABLE}`,
    '  http-response sc-inc-gpc0(0)',
    ...streamLines,
  ].join('\n');

const NO_GROUP = 'kiln.none';

const noGroupSection = (): string =>
  [
    `backend ${NO_GROUP} from base`,
    `  http-request return status 503 content-type text/plain lf-string "No release of %f takes traffic now.\\n"`,
  ].join('\n');

function doorSections(door: Door, { wiring }: RoutedFleet, paths: TrafficPaths, machine: Machine): readonly string[] {
  const map = bareWord(mapPath(paths, door.name));
  const rules = door.kind === 'fleet' ? wiring : NO_WIRING;
  const frontend = [
    `frontend ${door.name} from base`,
    `  bind ${quoted(addressText(door.listen))}`,
    socketLine(door.name, paths, machine),
    '  http-request set-var(txn.begun) date(0,us)',
    '  acl repeatable method GET HEAD OPTIONS',
    ...placeLines(rules, map),
    `  http-request set-var(txn.route) var(txn.place),map_int(${map})`,
    ...matchLines(rules, map, quoted),
    '  acl routed var(txn.route) -m found',
    `  http-request set-var(txn.route) var(txn.route),concat(${WRITES_MARK}) if routed !repeatable`,
    ...mirrorLines(rules, map, bareWord(socketSeen(mirrorDoor(door.fleet), paths, machine))),
    `  use_backend %[var(txn.route),word(1,|)] if routed repeatable`,
    `  use_backend %[var(txn.route),word(1,|),concat(${WRITES_SUFFIX})] if routed`,
    `  default_backend ${NO_GROUP}`,
  ];
  const relays = LANES.map((lane) =>
    [
      `backend ${relayBackend(door.name)}${lane === 'writes' ? WRITES_SUFFIX : ''} from base`,
      '  option http-server-close',
      `  server newest ${quoted(`unix@${socketSeen(door.name, paths, machine)}`)} send-proxy-v2`,
    ].join('\n'),
  );
  return [frontend.join('\n'), ...relays];
}

/** A door on a Unix socket, with the client's address handed over. */
const socketLine = (door: string, paths: TrafficPaths, { account }: Machine): string =>
  `  bind ${quoted(`unix@${join(paths.jail, relayName(door))}`)} mode 600${account === null ? '' : ` user ${account} group ${account}`} accept-proxy`;

/** The socket's path as the worker sees it: from within its chroot. */
const socketSeen = (door: string, paths: TrafficPaths, { account }: Machine): string =>
  account === null ? join(paths.jail, relayName(door)) : `/${relayName(door)}`;

/** Where copies of requests come in: everybody else's come first. */
function mirrorSection({ table }: RoutedFleet, paths: TrafficPaths, machine: Machine): string {
  const door = mirrorDoor(table.fleet);
  return [
    `frontend ${door} from base`,
    socketLine(door, paths, machine),
    '  http-request set-nice 512',
    '  http-request set-var(txn.begun) date(0,us)',
    mirrorRouteLine(bareWord(mapPath(paths, table.fleet))),
    '  acl routed var(txn.route) -m found',
    '  use_backend %[var(txn.route),word(1,|)] if routed',
    `  default_backend ${NO_GROUP}`,
  ].join('\n');
}

const slotSections = (fleet: RoutedFleet): readonly string[] =>
  fleet.slots.flatMap((_, slot) => LANES.map((lane) => slotSection(fleet, slot, lane)));

function slotSection(fleet: RoutedFleet, slot: number, lane: Lane): string {
  const { table, slots } = fleet;
  const endpoints = table.groups.find((each) => each.group === slots[slot])?.endpoints ?? [];
  return [
    `backend ${backendName(table.fleet, slot, lane)} from slot`,
    ...checkLines(table.health),
    ...endpoints.map((endpoint) => serverLine(endpoint, table.health)),
  ].join('\n');
}

/** A draining endpoint starts as `disabled`: the runtime API then sets it to drain, for which the file has no word. */
const serverLine = (endpoint: Endpoint, health: Health): string =>
  `  server ${endpoint.instance} ${serverArguments(endpoint, health)}${endpoint.state === 'drain' ? ' disabled' : ''}`;

/** The same in the file and in `add server`. Addresses were validated: they need no quotes, which the runtime API lacks. */
export function serverArguments({ address }: Endpoint, health: Health): string {
  const checked = health.probe.kind === 'http' || health.probe.kind === 'tcp';
  const check = checked
    ? ` check inter ${health.everyMs} fastinter ${Math.min(health.everyMs, FAST_CHECK_MS)} fall ${health.fall} rise 1`
    : '';
  return `${addressText(address)}${check}`;
}

/** The second line behind the keeper, which registers only what its own probe found healthy. */
function checkLines({ probe, timeoutMs }: Health): readonly string[] {
  if (probe.kind !== 'http') return probe.kind === 'tcp' ? [`  timeout check ${timeoutMs}`] : [];
  const body = probe.body === undefined || !isPlain(probe.body) ? [] : [`  http-check expect string ${quoted(probe.body)}`];
  return [
    `  timeout check ${timeoutMs}`,
    '  option httpchk',
    `  http-check send meth GET uri ${quoted(probe.path)} ver HTTP/1.1 hdr Host localhost hdr Connection close`,
    `  http-check expect status ${probe.status}`,
    ...body,
  ];
}

/** HAProxy's file is read by lines; what can't stand in one is left to the keeper's own probe. */
// oxlint-disable-next-line no-control-regex
export const isPlain = (text: string): boolean => !/[\u0000-\u001f\u007f]/.test(text);

/** One word, taken literally (configuration.txt 2.2, strong quotes). */
function quoted(text: string): string {
  if (!isPlain(text)) throw new RangeError(`a control character in ${JSON.stringify(text)}`);
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Paths inside converters' parentheses, where quotes don't help. */
function bareWord(path: string): string {
  if (!/^[\w./@:+-]+$/.test(path)) throw new RangeError(`a path that HAProxy's converters can't hold: ${path}`);
  return path;
}

const addressText = ({ host, port }: Address): string => (isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`);
