/**
 * How the size of a fleet follows its load: up soon, down slowly, not for little, never down during a rollout. Pure.
 * Every change is an event with its numbers; what keeps it from changing is said, for status.
 */
import type { Measurement, ScalePolicy } from '../domain/upkeep.ts';
import type { FleetEvent } from './events.ts';
import { releaseOfState } from './state.ts';
import type { World } from './world.ts';

export interface Scaling {
  readonly event: FleetEvent | null;
  /** Why the size stays, or changes. */
  readonly why: string;
  /** When that may be over; null where no time ends it. */
  readonly until: number | null;
}

/** A load so near to what it should be changes nothing. */
const TOLERANCE = 0.1;
/** Most that is added, and taken away, at a time. */
const atMostUp = (size: number): number => Math.max(2 * size, size + 4);
const atLeastDown = (size: number): number => Math.min(size - 1, Math.ceil(0.75 * size));

/** Null where the size does not follow the load. `load`: null where nothing was measured yet. */
export function scaleOf(world: World, load: readonly Measurement[] | null): Scaling | null {
  const { state, now } = world;
  const { scale } = state.upkeep;
  if (scale === null || state.life !== 'active') return null;
  const { held } = state;
  if (held !== null && (held.until ?? Infinity) > now) return stays(`held at ${state.size} by a person`, held.until);
  if (held !== null)
    return { event: { kind: 'scaling.resumed' }, why: 'the time for which a person held it is over', until: null };
  const asked = askedFor(load ?? [], state.size);
  if (asked === null) return stays('the load is not known yet', null);
  const { min, max } = state.bounds ?? { min: 1, max: Infinity };
  const size = Math.min(max, Math.max(min, asked.size));
  if (size === state.size) return stays(asked.size > size ? `${told(asked.by)}: ${size} is the most` : told(asked.by), null);
  const barrier = size > state.size ? againstGrowth(world, scale, asked.by) : againstShrinking(world, scale, load ?? []);
  if (barrier !== null) return { event: null, why: `${told(asked.by)} asks for ${size}: ${barrier.why}`, until: barrier.until };
  const next = size > state.size ? Math.min(size, atMostUp(state.size)) : Math.min(max, Math.max(size, atLeastDown(state.size)));
  const { kind, each, total } = asked.by;
  const evidence = { kind, each, total: rounded(total), from: state.size };
  return { event: { kind: 'size.set', size: next, load: evidence }, why: told(asked.by), until: null };
}

const stays = (why: string, until: number | null): Scaling => ({ event: null, why, until });

type Known = Measurement & { readonly total: number };

/** What the load asks for: the measurement that asks for most. Null where none is known. */
function askedFor(load: readonly Measurement[], size: number): { readonly size: number; readonly by: Known } | null {
  const known = load.filter((each): each is Known => each.total !== null);
  const asked = known.map((by) => ({ by, size: sizeFor(by, size) }));
  return asked.reduce<(typeof asked)[number] | null>(
    (most, each) => (most === null || each.size > most.size ? each : most),
    null,
  );
}

function sizeFor({ total, each }: Known, size: number): number {
  const ratio = total / (each * size);
  return ratio > 1 - TOLERANCE && ratio < 1 + TOLERANCE ? size : Math.ceil(rounded(total / each));
}

const UNKNOWN = 'not before the load of all is known';

interface Barrier {
  readonly why: string;
  readonly until: number | null;
}

function againstGrowth(world: World, { upMs }: ScalePolicy, by: Known): Barrier | null {
  const { state, revoked } = world;
  const number = state.rollout?.to ?? state.serving;
  if (number === null) return { why: 'nothing serves', until: null };
  const { image, launch } = releaseOfState(state, number).content;
  if (revoked(image) !== null) return { why: `the image of r${number} is revoked`, until: null };
  if (launch.volumes.some((volume) => volume.singleWriter)) return { why: 'its volume has a single writer', until: null };
  if (state.rollout?.pausedAt != null) return { why: 'the rollout is paused', until: null };
  if (state.rollout === null && !isWhole(world)) return { why: 'those that were launched last are not ready yet', until: null };
  if (state.rollout === null && !by.whole) return { why: UNKNOWN, until: null };
  return cooling(world, upMs);
}

function againstShrinking(world: World, { downMs }: ScalePolicy, load: readonly Measurement[]): Barrier | null {
  if (world.state.rollout !== null) return { why: 'not during a rollout', until: null };
  if (!isWhole(world)) return { why: 'not before all are ready', until: null };
  if (load.some(({ total, whole }) => total === null || !whole)) return { why: UNKNOWN, until: null };
  return cooling(world, downMs);
}

/** The serving group has all of its instances, ready. */
const isWhole = ({ state, groups, size }: World): boolean =>
  groups.some((view) => view.release === state.serving && view.ready >= size);

function cooling({ state, now }: World, ms: number): Barrier | null {
  const until = Math.max(state.sizedAt, state.ended?.at ?? 0) + ms;
  return until > now ? { why: 'the last change is too recent', until } : null;
}

/** Noise of floating point must not launch an instance; and who reads history reads numbers. */
const rounded = (value: number): number => Number(value.toPrecision(6));

const UNITS = { cpu: ' % of CPU', requests: ' requests a second', metric: ' of its metric' } as const;

/** `412 % of CPU for 60 each`. */
const told = ({ kind, total, each }: Known): string => `${Number(total.toPrecision(3))}${UNITS[kind]} for ${each} each`;
