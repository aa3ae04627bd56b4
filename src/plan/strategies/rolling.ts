/**
 * Rolling: new instances come a few at a time, and old ones go as the new are ready, within surge and floor.
 * What surge allows stays of the previous group at the end, so that the way back is warm at no extra cost.
 */
import type { GroupId } from '../../domain/ids.ts';
import type { Strategy } from '../../domain/release.ts';
import { sameWeights } from '../traffic.ts';
import { allTo, isPast, previewed, serves, share, standing, type Goal, type GroupView, type RolloutWorld } from '../world.ts';
import { checkpointAhead, checkpointEvents, checkpointWait } from './checkpoints.ts';
import { finish, waitForReady, warmFrom } from './parts.ts';

type Rolling = Extract<Strategy, { kind: 'rolling' }>;

export function rolling(given: RolloutWorld, strategy: Rolling): Goal {
  const world = isPast(given, 'traffic') ? given : untrusted(given);
  const { target, size } = world;
  const ahead = checkpointAhead(world, strategy);
  const pace = paceOf(world, strategy, ahead?.limit ?? size);
  const olds = serving(world);
  const sizes = new Map<GroupId, number>([[target.group, growth(world, olds, pace)]]);
  for (const [group, kept] of shrink(world, olds, pace)) sizes.set(group, kept);
  const complete = target.ready >= size;
  const weights = complete ? allTo(target.group) : share(capacity(target, olds, sizes));
  const inForce = weights !== null && world.settled && sameWeights(world.weights, weights);
  const there = ahead !== null && target.ready >= ahead.limit && inForce;
  const wait = ahead === null ? null : checkpointWait(world, ahead);
  const done = ahead === null && target.steady >= size && sameWeights(world.weights, allTo(target.group));
  const warm = warmFrom(world, Math.min(pace.surge, world.from?.size ?? 0));
  return {
    sizes,
    weights,
    preview: previewed(given),
    ...(isWhole(given) ? { at: 'traffic' } : {}),
    waits: wait === null ? waitForReady(given) : [wait],
    events: ahead === null ? [] : checkpointEvents(world, ahead, there),
    done: done ? finish('done', warm) : null,
  };
}

/** What may not have traffic yet stands in for nobody: the first batch of it comes, and waits. */
const untrusted = (world: RolloutWorld): RolloutWorld => ({ ...world, target: { ...world.target, healthy: 0, ready: 0 } });

const isWhole = ({ target, size }: RolloutWorld): boolean => target.ready >= target.size && (target.size > 0 || size === 0);

interface Pace {
  readonly floor: number;
  readonly surge: number;
  readonly batch: number;
  /** New instances until the next checkpoint has passed. */
  readonly limit: number;
}

/** With a floor at the full size, only starting first can make progress: a surge of at least one. */
function paceOf({ size }: RolloutWorld, strategy: Rolling, limit: number): Pace {
  const floor = Math.ceil((size * strategy.minHealthyPercent) / 100);
  const surge = floor >= size ? Math.max(1, strategy.maxSurge) : strategy.maxSurge;
  return { floor, surge, batch: Math.max(1, strategy.batch ?? size), limit };
}

/** Groups that take traffic now, and the way back. Of a superseded rollout's leftovers only those that serve are kept. */
const serving = (world: RolloutWorld): readonly GroupView[] =>
  world.others.filter((view) => view.weight > 0 || view === world.from);

/** The target's next size: what fits under the surge, no more than a batch ahead of what is ready, nor past a checkpoint. */
function growth({ target, size }: RolloutWorld, olds: readonly GroupView[], pace: Pace): number {
  const oldRunning = olds.reduce((sum, view) => sum + view.running, 0);
  const room = size + pace.surge - oldRunning;
  return Math.min(size, Math.max(target.size, Math.min(room, pace.limit, target.ready + pace.batch)));
}

/** How many of each old group stay: enough for the floor, and in place of those that a checkpoint holds back; the way back goes last. */
function shrink({ target, size, from }: RolloutWorld, olds: readonly GroupView[], pace: Pace): ReadonlyMap<GroupId, number> {
  let needed = Math.max(0, size - pace.limit, Math.max(pace.floor, size - pace.batch) - target.ready);
  const kept = new Map<GroupId, number>();
  for (const view of olds.toSorted((a, b) => Number(b === from) - Number(a === from) || b.release - a.release)) {
    const keep = Math.min(standing(view), Math.max(needed, view === from ? pace.surge : 0));
    kept.set(view.group, keep);
    needed = Math.max(0, needed - Math.min(keep, serves(view)));
  }
  return kept;
}

/** What each group can serve with once it has shrunk. */
function capacity(
  target: GroupView,
  olds: readonly GroupView[],
  sizes: ReadonlyMap<GroupId, number>,
): ReadonlyMap<GroupId, number> {
  const counts = olds.map((view) => [view.group, Math.min(serves(view), sizes.get(view.group) ?? 0)] as const);
  return new Map([[target.group, serves(target)], ...counts]);
}
