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
import { ALL_BASIS_POINTS, taken, type RoutedFleet } from './slots.ts';

/** What clients connect to: a fleet's own address, or that of its preview. */
export interface Door {
  /** The frontend's name. */
  readonly name: string;
  readonly fleet: FleetId;
  readonly listen: { readonly host: string; readonly port: number };
  readonly kind: 'fleet' | 'preview';
}

export interface Range {
  readonly from: number;
  readonly to: number;
  readonly route: string;
}

/**
 * A slot's two backends. `reads` takes requests that may be repeated (GET, HEAD, OPTIONS) over kept connections; `writes`
 * takes all others, each over a fresh one, because a kept connection may be closing just as the request goes out, and a
 * POST that may have reached the app is never repeated. That costs a write some 0.1 ms in us and in the app; kept
 * connections would fail one write in some hundred with an app that closes them as it likes (haproxy.test.ts shows it).
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
  let from = 0;
  return taken(fleet)
    .filter(({ routed }) => routed.weight > 0)
    .map(({ slot, routed }) => {
      const range = { from, to: from + routed.weight - 1, route: routeTo(door.fleet, slot, routed.group) };
      from += routed.weight;
      return range;
    });
}

export const everything = (route: string): readonly Range[] => [{ from: 0, to: ALL_BASIS_POINTS - 1, route }];

/** The backend behind which the newest worker listens: where workers that are leaving send their last requests. */
export const relayBackend = (door: string): string => `${door}:relay`;

export const rangeKey = ({ from, to }: Range): string => `${from}:${to}`;

/** A map file's content; `show map` prints the same lines behind a pointer each. */
export const mapText = (ranges: readonly Range[]): string =>
  ranges.map((range) => `${rangeKey(range)} ${range.route}\n`).join('');

/** From `show map`: `0x5562… 0:499 web.local:s1|web.local.r8` a line. */
export function parseMap(text: string): readonly Range[] {
  return text.split('\n').flatMap((line) => {
    const [, from, to, route] = /^0x[0-9a-f]+ (\d+):(\d+) (\S+)$/.exec(line) ?? [];
    return from === undefined || to === undefined || route === undefined ? [] : [{ from: Number(from), to: Number(to), route }];
  });
}

/** Null: a route of no group (a relay). */
export function groupOfRoute(route: string): { readonly group: GroupId; readonly preview: boolean } | null {
  const [, group = '', preview] = route.split('|');
  return isGroupId(group) ? { group, preview: preview !== undefined } : null;
}

export function weightsOf(ranges: readonly Range[]): Weights {
  const weights: Record<GroupId, number> = {};
  for (const { from, to, route } of ranges) {
    const to_ = groupOfRoute(route);
    if (to_ !== null) weights[to_.group] = (weights[to_.group] ?? 0) + to - from + 1;
  }
  return weights;
}
