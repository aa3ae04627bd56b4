/**
 * The exact split. Each request draws a number below 10,000 and looks it up once in its door's map, whose keys are ranges:
 *
 *   0:499    web.local:s1|web.local.r8
 *   500:9999 web.local:s0|web.local.r7
 *
 * One look-up (and not one for each slot) is what makes a switch atomic: a map is replaced whole by one commit, and
 * every request sees the table before it or the one after it. Server weights are never used for the split.
 */
import { isGroupId, type FleetId, type GroupId } from '../domain/ids.ts';
import type { Weights } from '../engines/engine.ts';
import type { Range } from './map.ts';
import { ruleRanges } from './rule.ts';
import { ALL_BASIS_POINTS, taken, type RoutedFleet } from './slots.ts';

/** What clients connect to: a fleet's own address, or that of its preview. */
export interface Door {
  /** The frontend's name. */
  readonly name: string;
  readonly fleet: FleetId;
  readonly listen: { readonly host: string; readonly port: number };
  readonly kind: 'fleet' | 'preview';
}

/**
 * A slot's two backends: `reads` takes requests that are safe to copy (GET, HEAD, OPTIONS), `writes` all others. Apart, so that
 * failures of both are counted apart: HAProxy counts what it answers itself by backend only.
 */
export type Lane = 'reads' | 'writes';
export const LANES: readonly Lane[] = ['reads', 'writes'];
/** Appended to the reads' backend by the frontend. */
export const WRITES_SUFFIX = ':w';

export const backendName = (fleet: FleetId, slot: number, lane: Lane): string =>
  `${fleet}:s${slot}${lane === 'writes' ? WRITES_SUFFIX : ''}`;

/** Null: not a slot's backend. */
export function parseBackend(name: string): { readonly fleet: string; readonly slot: number; readonly lane: Lane } | null {
  const [fleet = '', slot = '', lane] = name.split(':');
  if (!/^s\d+$/.test(slot)) return null;
  return { fleet, slot: Number(slot.slice(1)), lane: lane === undefined ? 'reads' : 'writes' };
}

/** Where copies of requests come in: no client connects there, and it has no map of its own. */
export const mirrorDoor = (fleet: FleetId): string => `${fleet}:mirror`;

export function doorsOf({ table }: RoutedFleet): readonly Door[] {
  const { fleet, listen, preview } = table;
  const own: Door = { name: fleet, fleet, listen, kind: 'fleet' };
  if (preview === null) return [own];
  return [own, { name: `${fleet}:preview`, fleet, listen: preview.listen, kind: 'preview' }];
}

const routeTo = (fleet: FleetId, slot: number, group: GroupId): string => `${backendName(fleet, slot, 'reads')}|${group}`;

/** What the door's map must hold. */
export function rangesOf(door: Door, fleet: RoutedFleet): readonly Range[] {
  if (door.kind === 'preview') {
    const shown = taken(fleet).find(({ routed }) => routed.group === fleet.table.preview?.group);
    // The third part keeps requests of a preview out of the group's metrics.
    return shown === undefined ? [] : everything(`${routeTo(door.fleet, shown.slot, shown.routed.group)}|preview`);
  }
  const { canary } = fleet.table;
  const routes = taken(fleet).map(({ slot, routed }) => ({ ...routed, route: routeTo(door.fleet, slot, routed.group) }));
  const special = routes.filter(({ group }) => group === canary?.group);
  // The canary's places begin at 0, so that a client below its share stays below it when the share grows.
  const ordered = [...special, ...routes.filter(({ group }) => group !== canary?.group)];
  let from = 0;
  const shares = ordered
    .filter(({ weight }) => weight > 0)
    .map(({ weight, route }) => ({ from, to: (from += weight) - 1, route }));
  return [...shares, ...special.flatMap(({ route }) => (canary === null ? [] : ruleRanges(canary, route)))];
}

export const everything = (route: string): readonly Range[] => [{ from: 0, to: ALL_BASIS_POINTS - 1, route }];

/** The backend behind which the newest worker listens: where workers that are leaving send their last requests. */
export const relayBackend = (door: string): string => `${door}:relay`;

/** Whose requests they are, so that each is counted where it belongs. */
export type Whose = 'reads' | 'writes' | 'preview' | 'mirror';

/** Added to the route of a client's request that is no read. */
export const WRITES_MARK = '|w';

/** Null: a route of no group (a relay). */
export function groupOfRoute(route: string): { readonly group: GroupId; readonly whose: Whose } | null {
  const [, group = '', mark] = route.split('|');
  if (!isGroupId(group)) return null;
  if (mark === 'preview' || mark === 'mirror') return { group, whose: mark };
  return { group, whose: mark === undefined ? 'reads' : 'writes' };
}

export function weightsOf(ranges: readonly Range[]): Weights {
  const weights: Record<GroupId, number> = {};
  for (const { from, to, route } of ranges.filter((each) => each.from < ALL_BASIS_POINTS)) {
    const to_ = groupOfRoute(route);
    if (to_ !== null) weights[to_.group] = (weights[to_.group] ?? 0) + to - from + 1;
  }
  return weights;
}
