/**
 * Canary: a few instances of the new release get a share of the traffic beside the old fleet at full size, step by step.
 * Each step lasts its time and is judged by what both answered during it. After the last the canary grows to the whole
 * fleet and the traffic changes once, as blue-green does: at any moment before that the way back is one change of routing.
 */
import type { GroupId } from '../../domain/ids.ts';
import type { CanaryStep } from '../../domain/release.ts';
import type { Weights } from '../../engines/engine.ts';
import type { Wait } from '../plan.ts';
import { answers, sameTraffic } from '../traffic.ts';
import { allTo, isPast, previewed, serves, share, standing, type Goal, type GroupView, type RolloutWorld } from '../world.ts';
import { blueGreen } from './blue-green.ts';
import { stepEvents, stepWait } from './canary-judging.ts';
import { instancesAt, ruleAt, weightAt, type Canary } from './canary-step.ts';
import { givesUpAt, wayOut } from './parts.ts';

export function canary(world: RolloutWorld, strategy: Canary): Goal {
  const { rollout, from } = world;
  const step = strategy.steps[rollout.canary.step];
  // A first deploy has nothing to be compared with.
  return from === null || step === undefined ? blueGreen(world) : atStep(world, strategy, step, from);
}

function atStep(world: RolloutWorld, strategy: Canary, step: CanaryStep, from: GroupView): Goal {
  const { target, size, rollout } = world;
  const { step: number } = rollout.canary;
  const wanted = instancesAt(strategy, number, size);
  const sizes = new Map<GroupId, number>([[target.group, Math.max(target.size, wanted)]]);
  for (const view of world.others) {
    if (view === from) sizes.set(view.group, Math.max(view.size, size));
    else if (view.weight > 0) sizes.set(view.group, standing(view));
  }
  const enough = target.ready >= wanted || (answers(world, target.group) && target.healthy >= wanted);
  const open = enough && isPast(world, 'traffic');
  // Its share stays as it is while a fleet grows beside it: a share that follows each new instance is always one behind.
  const growing = target.weight > 0 && serves(from) < size;
  const share = growing ? null : split(world, from, weightAt(strategy, number, beside(world, from)));
  const weights = open ? share : without(world, from);
  const canary = open ? ruleAt(strategy, number, target.group) : null;
  const inForce = open && world.settled && sameTraffic(world, { weights: weights ?? world.weights, preview: null, canary });
  return {
    sizes,
    weights,
    canary,
    preview: previewed(world),
    ...(enough ? { at: 'traffic' } : {}),
    waits: [inForce ? stepWait(world, strategy, step, from) : growWait(world, wanted)],
    events: inForce ? stepEvents(world, strategy, step, from) : [],
    done: null,
  };
}

/** The canary's share; the rest is the old fleet's once it is whole, until then of all that serve. */
function split(world: RolloutWorld, from: GroupView, weight: number): Weights | null {
  const rest = restOf(world, from);
  if (rest === null) return null;
  const scaled = Object.entries(rest).map(
    ([group, each]) => [group as GroupId, Math.floor((each * (10_000 - weight)) / 10_000)] as const,
  );
  const given = scaled.reduce((sum, [, each]) => sum + each, 0);
  return Object.fromEntries([...scaled, [world.target.group, 10_000 - given]]);
}

/** How many carry the rest: a fleet that has just grown, or that does not serve yet, carries no more until it is there. */
function beside({ others, size }: RolloutWorld, from: GroupView): number {
  if (serves(from) >= size) return Math.max(1, size);
  const carrying = others.reduce((sum, view) => sum + (view.weight > 0 ? serves(view) : 0), 0);
  return Math.max(1, Math.min(size, carrying));
}

function restOf({ others, size }: RolloutWorld, from: GroupView): Weights | null {
  if (serves(from) >= size) return allTo(from.group);
  return share(new Map(others.filter((view) => view.weight > 0).map((view) => [view.group, serves(view)] as const)));
}

/** Too few of the canary are healthy: one that still serves goes on, one that has none loses all that it has. */
const without = (world: RolloutWorld, from: GroupView): Weights | null =>
  (world.target.weight > 0 || world.canary !== null) && world.target.healthy === 0 ? restOf(world, from) : null;

function growWait(world: RolloutWorld, wanted: number): Wait {
  const { target } = world;
  const what = `${Math.min(target.ready, wanted)} of ${wanted} canary instances of r${target.release} ready`;
  return { state: 'instances', what, until: givesUpAt(world), otherwise: wayOut(world) };
}
