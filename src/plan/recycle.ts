/**
 * Instances do not get older than their fleet allows: at rest they are replaced one at a time, each when another like it is
 * ready beside it. The ages are spread by the instances' own ids, so that a fleet launched at once does not leave at once. Pure.
 */
import type { InstanceId } from '../domain/ids.ts';
import type { Member } from '../engines/engine.ts';
import type { FleetEvent } from './events.ts';
import { fractionOf } from './fraction.ts';
import type { Wait } from './plan.ts';
import { releaseOfState } from './state.ts';
import { LAUNCH_MS } from './strategies/parts.ts';
import type { GroupView, World } from './world.ts';

/** An instance leaves within this last share of its age. */
const SPREAD = 0.25;
/** After a replacement that did not become ready. */
const RETRY_MS = 10 * 60_000;

/** When the instance is to be replaced, ms since the epoch. */
export const dueAt = ({ instance, launchedAt }: Member, maxAgeMs: number): number =>
  Math.floor(launchedAt + maxAgeMs * (1 - SPREAD * fractionOf(instance)));

/** The group whose instances are looked at; null where none of them can be replaced beside itself now. */
function renewable(world: World): GroupView | null {
  const { state, groups, revoked } = world;
  if (state.life !== 'active' || state.rollout !== null || state.serving === null) return null;
  const { image, launch, replace } = releaseOfState(state, state.serving).content;
  const single = replace.strategy.kind === 'recreate' || launch.volumes.some((volume) => volume.singleWriter);
  if (single || revoked(image) !== null) return null;
  return groups.find((view) => view.release === state.serving) ?? null;
}

/** The next time, after now, at which an instance is to be replaced; null: none is. */
export function nextDue(world: World): number | null {
  const { maxAgeMs } = world.state.upkeep;
  const view = maxAgeMs === null ? null : renewable(world);
  if (view === null || maxAgeMs === null) return null;
  const { recycleAfter } = world.state;
  const times = view.members.map((member) => Math.max(recycleAfter, dueAt(member, maxAgeMs))).filter((at) => at > world.now);
  return times.length === 0 ? null : Math.min(...times);
}

/** What begins or ends a replacement; null: nothing does. */
export function recycling(world: World): FleetEvent | null {
  const { state, now } = world;
  const view = renewable(world);
  const { recycled } = state;
  if (recycled === null) return view === null ? null : begin(world, view);
  const { instance } = recycled;
  // What was begun and can't go on, as after a revocation, is over: it would wait for ever (law 6).
  if (view === null) return { kind: 'recycle.ended', instance, outcome: 'gave-up', nextAt: now + RETRY_MS };
  const isThere = view.members.some((member) => member.instance === instance);
  if (!isThere) return { kind: 'recycle.ended', instance, outcome: 'replaced', nextAt: null };
  return now >= deadlineOf(world) ? { kind: 'recycle.ended', instance, outcome: 'gave-up', nextAt: now + RETRY_MS } : null;
}

/** Only a fleet that is whole, and that has nothing left of the one before. */
function begin({ state, now, size, settled, trouble }: World, view: GroupView): FleetEvent | null {
  const { maxAgeMs } = state.upkeep;
  const isWhole = view.steady >= size && view.running === size && view.size === size && size > 0 && settled && trouble === null;
  if (maxAgeMs === null || !isWhole || now < state.recycleAfter) return null;
  const due = view.members.filter((member) => dueAt(member, maxAgeMs) <= now);
  const [first] = due.toSorted((a, b) => dueAt(a, maxAgeMs) - dueAt(b, maxAgeMs));
  return first === undefined ? null : { kind: 'recycle.started', instance: first.instance, ageMs: now - first.launchedAt };
}

export interface Replacing {
  readonly instance: InstanceId;
  /** Another like it is ready beside it. */
  readonly ready: boolean;
  readonly wait: Wait;
}

/** The replacement that is under way: its group has one more than the fleet's size until then. */
export function replacing(world: World): Replacing | null {
  const { recycled } = world.state;
  const view = recycled === null ? null : renewable(world);
  if (recycled === null || view === null) return null;
  const { instance } = recycled;
  const what = `one that takes the place of ${instance}, for its age`;
  const otherwise = `leaves it, and tries again in ${RETRY_MS / 60_000} minutes`;
  const wait: Wait = { state: 'recycling', what, until: deadlineOf(world), otherwise };
  const ready = view.size === world.size + 1 && view.steady > world.size;
  return { instance, ready, wait };
}

function deadlineOf({ state }: World): number {
  const { recycled, serving } = state;
  if (recycled === null || serving === null) return Infinity;
  const { health, replace } = releaseOfState(state, serving).content;
  return recycled.at + LAUNCH_MS + health.deadlineMs + replace.warmUpMs + health.everyMs;
}
