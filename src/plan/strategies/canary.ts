/**
 * Canary: a few instances of the new release get a share of the traffic beside the old fleet at full size, step by step.
 * Each step lasts its time and is judged by what both answered during it. After the last the canary grows to the whole
 * fleet and the traffic changes once, as blue-green does: at any moment before that the way back is one change of routing.
 */
import type { GroupId } from '../../domain/ids.ts';
import type { CanaryStep, JudgeTerms } from '../../domain/release.ts';
import type { Weights } from '../../engines/engine.ts';
import type { FleetEvent } from '../events.ts';
import { armOf, since } from '../judge/arm.ts';
import { judge, moreNeeded, type Arm, type Occasion } from '../judge/judge.ts';
import type { Wait } from '../plan.ts';
import { answers, sameTraffic } from '../traffic.ts';
import { allTo, isPast, previewed, serves, share, standing, type Goal, type GroupView, type RolloutWorld } from '../world.ts';
import { blueGreen } from './blue-green.ts';
import { instancesAt, ruleAt, stepText, weightAt, type Canary } from './canary-step.ts';
import { canaryDeadline, givesUpAt, wayOut } from './parts.ts';

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

/** What both arms have answered so far; null where it can't be told. Copies are compared with requests of which there could be some. */
function armsOf(world: RolloutWorld, step: CanaryStep, from: GroupView): { readonly canary: Arm; readonly baseline: Arm } | null {
  const [own, other] = [world.target, from].map(({ group }) => world.metrics?.find((each) => each.group === group));
  if (own === undefined || other === undefined) return null;
  return 'mirror' in step
    ? { canary: armOf(own.mirrored), baseline: armOf(other.safe) }
    : { canary: armOf(own), baseline: armOf(other) };
}

function stepEvents(world: RolloutWorld, strategy: Canary, step: CanaryStep, from: GroupView): readonly FleetEvent[] {
  const { window, step: number } = world.rollout.canary;
  const now = armsOf(world, step, from);
  const next = number + 1;
  if (window === null) {
    if (now === null && strategy.judge !== null) return [];
    return [{ kind: 'canary.stepped', step: number, settled: strategy.judge === null, ...(now ?? NOTHING_COUNTED) }];
  }
  const heldMs = world.now - window.at;
  if (!window.settled) {
    if (now === null || heldMs < (strategy.judge?.settleMs ?? 0)) return [];
    return [{ kind: 'canary.stepped', step: number, settled: true, ...now }];
  }
  const held = step.holdMs !== null && heldMs >= step.holdMs;
  if (strategy.judge === null) return held ? [{ kind: 'canary.passed', next, why: 'held' }] : [];
  const late = step.holdMs !== null && heldMs >= step.holdMs + strategy.judge.waitMs;
  const arms = now === null ? null : since(window, now);
  // Counters that fell are another load balancer's: the step begins anew with those.
  if (now !== null && arms === null) return [{ kind: 'canary.stepped', step: number, settled: true, ...now }];
  return judged(world, strategy, strategy.judge, arms ?? NOTHING_COUNTED, { held, late });
}

const NO_ARM: Arm = { requests: 0, errors: 0, latency: { bounds: [], counts: [] } };
const NOTHING_COUNTED = { canary: NO_ARM, baseline: NO_ARM };
/** Looks before the end of a step come at this many requests to the canary, then each time there are twice as many. */
const FIRST_LOOK = 16;

function judged(
  { rollout }: RolloutWorld,
  { steps }: Canary,
  terms: JudgeTerms,
  arms: { readonly canary: Arm; readonly baseline: Arm },
  { held, late }: { readonly held: boolean; readonly late: boolean },
): readonly FleetEvent[] {
  const { step, looks, lookedAt } = rollout.canary;
  const look = (early: Occasion['early']): Extract<FleetEvent, { kind: 'canary.judged' }> => {
    const verdict = judge(arms.canary, arms.baseline, terms, { steps: steps.length, early });
    return { kind: 'canary.judged', step, early, verdict };
  };
  if (held && (late || moreNeeded(arms.canary, arms.baseline, terms, steps.length) === 0)) {
    const last = look(null);
    if (last.verdict.verdict === 'pass') return [last, { kind: 'canary.passed', next: step + 1, why: 'judged' }];
    if (last.verdict.verdict === 'unsure' && terms.unsure === 'go-on')
      return [last, { kind: 'canary.passed', next: step + 1, why: 'unsure' }];
    return [last];
  }
  return arms.canary.requests >= Math.max(FIRST_LOOK, 2 * lookedAt) ? [look(looks + 1)] : [];
}

function stepWait(world: RolloutWorld, strategy: Canary, step: CanaryStep, from: GroupView): Wait {
  const { window, step: number } = world.rollout.canary;
  const name = `step ${number + 1} of ${strategy.steps.length} ${stepText(step)}`;
  const until = canaryDeadline(world);
  const given = { until, otherwise: wayOut(world) };
  if (window === null) return { state: 'canary-counts', what: `${name}: the load balancer's counts`, ...given };
  if (!window.settled) return { state: 'canary-counts', what: `${name}: new instances to settle`, ...given };
  const endsAt = step.holdMs === null ? null : window.at + step.holdMs;
  if (endsAt === null) return { state: 'canary-promotion', what: `${name}: somebody to promote it`, ...given };
  const next = strategy.judge === null ? 'goes on' : 'is judged';
  if (world.now < endsAt) return { state: 'canary-hold', what: `${name}: its time`, until: endsAt, otherwise: next };
  const now = armsOf(world, step, from);
  const arms = now === null ? null : since(window, now);
  const more =
    strategy.judge === null || arms === null
      ? null
      : moreNeeded(arms.canary, arms.baseline, strategy.judge, strategy.steps.length);
  const what = more === null ? "the load balancer's counts" : `about ${more} more requests to judge`;
  const otherwise = strategy.judge?.unsure === 'go-on' ? 'goes on' : wayOut(world);
  return { state: 'canary-evidence', what: `${name}: ${what}`, until: endsAt + (strategy.judge?.waitMs ?? 0), otherwise };
}
