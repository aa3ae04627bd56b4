/**
 * Slots: HAProxy 2.6 knows no dynamic backends, so each fleet's configuration holds more of them than it needs, and a new
 * group takes a free one without a reload. A group keeps its slot for as long as it is in the table.
 */
import { isIP } from 'node:net';

import { fleetOf, groupOf, isFleetId, isGroupId, isInstanceId, type FleetId, type GroupId } from '../domain/ids.ts';
import type { Address, RoutedGroup, RoutingTable } from '../engines/engine.ts';
import { isFieldName, isFieldValue } from '../domain/requests.ts';
import { KilnError } from '../errors/error.ts';
import { NO_WIRING, wiringFor, type Wiring } from './rule.ts';

/** A fleet as the load balancer has it: its table, and which group sits in which slot (null: free). */
export interface RoutedFleet {
  readonly table: RoutingTable;
  readonly slots: readonly (GroupId | null)[];
  readonly wiring: Wiring;
}

/** By fleet, in the order in which the fleets came. */
export type Fleets = ReadonlyMap<FleetId, RoutedFleet>;

/** Enough for a rollout, a preview and some warm groups; a fleet that needs more gets more, by one reload. */
const LEAST_SLOTS = 6;
const SPARE_SLOTS = 2;
export const ALL_BASIS_POINTS = 10_000;

/** The table in its slots, given those of the table before it. */
export function place(before: RoutedFleet | undefined, table: RoutingTable): RoutedFleet {
  const wanted = table.groups.map((each) => each.group);
  const slots = (before?.slots ?? []).map((group) => (group !== null && wanted.includes(group) ? group : null));
  while (slots.length < LEAST_SLOTS) slots.push(null);
  for (const group of wanted) {
    if (slots.includes(group)) continue;
    const free = slots.indexOf(null);
    if (free >= 0) slots[free] = group;
    else slots.push(group, ...Array.from({ length: SPARE_SLOTS }, () => null));
  }
  return { table, slots, wiring: wiringFor(table.canary, before?.wiring ?? NO_WIRING) };
}

/** The slots that hold a group, with its entry in the table. */
export function taken(fleet: RoutedFleet): readonly { readonly slot: number; readonly routed: RoutedGroup }[] {
  return fleet.slots.flatMap((group, slot) => {
    const routed = fleet.table.groups.find((each) => each.group === group);
    return routed === undefined ? [] : [{ slot, routed }];
  });
}

/**
 * Refuses what would be no valid routing. Names and addresses go into HAProxy's configuration and commands, so nothing
 * passes here but ids of the known shapes and numeric addresses.
 */
export function validate(table: RoutingTable): void {
  const { fleet, groups, health } = table;
  if (!isFleetId(fleet)) throw new RangeError(`not a fleet: ${JSON.stringify(fleet)}`);
  validateListen(table.listen);
  if (table.preview !== null) validateListen(table.preview.listen);
  const ids = groups.map((each) => each.group);
  for (const id of ids) if (!isGroupId(id) || fleetOf(id) !== fleet) throw new RangeError(`not a group of ${fleet}: ${id}`);
  if (new Set(ids).size !== ids.length) throw new RangeError(`a group of ${fleet} is in the table twice`);
  if (groups.some((each) => !Number.isInteger(each.weight) || each.weight < 0)) throw new RangeError('weights are basis points');
  const sum = groups.reduce((total, each) => total + each.weight, 0);
  if (sum !== 0 && sum !== ALL_BASIS_POINTS) throw new RangeError(`the weights of ${fleet} sum to ${sum}, not 10000 or 0`);
  const preview = table.preview?.group ?? null;
  if (preview !== null && !ids.includes(preview)) throw new RangeError(`the preview group ${preview} is not in the table`);
  validateRule(table);
  for (const routed of groups) validateEndpoints(routed);
  if (health.probe.kind === 'http' && !isWord(health.probe.path)) {
    throw new KilnError('CONFIG_INVALID', `the health check's path ${JSON.stringify(health.probe.path)} holds white space`, {
      hint: 'write it as in a request, with %20 for a space',
    });
  }
}

function validateRule({ fleet, canary, groups }: RoutingTable): void {
  if (canary === null) return;
  const { group, sticky, matches, mirror } = canary;
  if (!groups.some((each) => each.group === group)) throw new RangeError(`the canary of ${fleet} is not in the table: ${group}`);
  const names = [...matches.map(({ name }) => name), ...(sticky?.by === 'header' ? [sticky.name] : [])];
  for (const name of names) if (!isFieldName(name)) throw new RangeError(`not the name of a header or cookie: ${name}`);
  for (const { is } of matches) if (is !== null && !isFieldValue(is)) throw new RangeError(`not the value of a header: ${is}`);
  if (!Number.isInteger(mirror) || mirror < 0 || mirror > ALL_BASIS_POINTS) throw new RangeError('a mirror is basis points');
}

function validateEndpoints({ group, endpoints }: RoutedGroup): void {
  for (const { instance, address } of endpoints) {
    if (!isInstanceId(instance) || groupOf(instance) !== group) throw new RangeError(`not an instance of ${group}: ${instance}`);
    if (isIP(address.host) === 0 || !isPort(address.port)) throw new RangeError(`not an address: ${JSON.stringify(address)}`);
  }
  const ids = endpoints.map((each) => each.instance);
  if (new Set(ids).size !== ids.length) throw new RangeError(`an instance of ${group} is in the table twice`);
}

/** Throws CONFIG_INVALID for what is no numeric address with a port. */
export function validateListen({ host, port }: Address): void {
  if (isIP(host) !== 0 && isPort(port)) return;
  throw new KilnError('CONFIG_INVALID', `the service cannot listen on "${host}:${port}"`, {
    hint: 'give a numeric address such as 127.0.0.1, 0.0.0.0 or ::, and a port from 1 to 65535',
  });
}

/** Neither white space nor control characters: what can stand in a request line. */
const isWord = (text: string): boolean => /^[^\s\p{Cc}]+$/u.test(text);

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;
