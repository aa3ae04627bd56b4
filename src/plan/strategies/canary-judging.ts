/** How a step of a canary is timed and judged: what is recorded of it, and what it waits for. Pure. */
import type { CanaryStep, JudgeTerms } from '../../domain/release.ts';
import type { FleetEvent } from '../events.ts';
import { armOf, since } from '../judge/arm.ts';
import { goesOn, judge, lackText, missingFor, type Arm, type Missing, type Occasion, type Shown } from '../judge/judge.ts';
import type { Wait } from '../plan.ts';
import type { GroupView, RolloutWorld } from '../world.ts';
import { stepText, type Canary } from './canary-step.ts';
import { canaryDeadline, sourceWaitMs, wayOut } from './parts.ts';

/** What both arms have answered so far; null where it can't be told. Copies are compared with requests of which there could be some. */
function armsOf(world: RolloutWorld, step: CanaryStep, from: GroupView): { readonly canary: Arm; readonly baseline: Arm } | null {
  const [own, other] = [world.target, from].map(({ group }) => world.metrics?.find((each) => each.group === group));
  if (own === undefined || other === undefined) return null;
  return 'mirror' in step
    ? { canary: armOf(own.mirrored), baseline: armOf(other.safe) }
    : { canary: armOf(own), baseline: armOf(other) };
}

export function stepEvents(world: RolloutWorld, strategy: Canary, step: CanaryStep, from: GroupView): readonly FleetEvent[] {
  const { window, step: number } = world.rollout.canary;
  const now = armsOf(world, step, from);
  if (window === null) {
    if (now === null && strategy.judge !== null) return [];
    return [{ kind: 'canary.stepped', step: number, settled: strategy.judge === null, ...(now ?? NOTHING_COUNTED) }];
  }
  const heldMs = world.now - window.at;
  if (!window.settled) {
    if (now === null || heldMs < (strategy.judge?.settleMs ?? 0)) return [];
    return [{ kind: 'canary.stepped', step: number, settled: true, ...now }];
  }
  if (strategy.judge === null) {
    const held = step.holdMs !== null && heldMs >= step.holdMs;
    return held ? [{ kind: 'canary.passed', next: number + 1, why: 'held' }] : [];
  }
  const arms = now === null ? null : since(window, now);
  // Counters that fell are another load balancer's: the step begins anew with those.
  if (now !== null && arms === null) return [{ kind: 'canary.stepped', step: number, settled: true, ...now }];
  const shown = { ...(arms ?? NOTHING_COUNTED), samples: world.rollout.canary.samples };
  return judged(world, strategy, strategy.judge, shown, step.holdMs === null ? null : heldMs - step.holdMs);
}

const NO_ARM: Arm = { requests: 0, errors: 0, latency: { bounds: [], counts: [] } };
const NOTHING_COUNTED = { canary: NO_ARM, baseline: NO_ARM };
/** Looks before the end of a step come at this many requests to the canary, then each time there are twice as many. */
const FIRST_LOOK = 16;

/** `overMs`: how long the step has lasted beyond its time, less than 0 within it; null where it has none. */
function judged(
  { rollout }: RolloutWorld,
  { steps }: Canary,
  terms: JudgeTerms,
  shown: Shown,
  overMs: number | null,
): readonly FleetEvent[] {
  const { step, looks, lookedAt } = rollout.canary;
  const look = (early: Occasion['early']): Extract<FleetEvent, { kind: 'canary.judged' }> => {
    const verdict = judge(shown, terms, { steps: steps.length, early });
    return { kind: 'canary.judged', step, early, verdict };
  };
  if (overMs !== null && overMs >= patienceMs(terms, missingFor(shown, terms, steps.length))) {
    const last = look(null);
    const passed = { kind: 'canary.passed', next: step + 1, why: PASSED[last.verdict.verdict] } as const;
    return goesOn(last.verdict, terms) ? [last, passed] : [last];
  }
  return shown.canary.requests >= Math.max(FIRST_LOOK, 2 * lookedAt) ? [look(looks + 1)] : [];
}

const PASSED = { pass: 'judged', fail: 'judged', unsure: 'unsure', error: 'error' } as const;

/** How long a step whose time is over still waits for what its last look lacks. */
function patienceMs(terms: JudgeTerms, { requests, metric }: Missing): number {
  if (requests > 0) return terms.waitMs;
  return metric === null ? 0 : terms.waitMs + sourceWaitMs(terms);
}

export function stepWait(world: RolloutWorld, strategy: Canary, step: CanaryStep, from: GroupView): Wait {
  const { window, step: number } = world.rollout.canary;
  const name = `step ${number + 1} of ${strategy.steps.length} ${stepText(step)}`;
  const given = { until: canaryDeadline(world), otherwise: wayOut(world) };
  if (window === null) return { state: 'canary-counts', what: `${name}: the load balancer's counts`, ...given };
  if (!window.settled) return { state: 'canary-counts', what: `${name}: new instances to settle`, ...given };
  const endsAt = step.holdMs === null ? null : window.at + step.holdMs;
  if (endsAt === null) return { state: 'canary-promotion', what: `${name}: somebody to promote it`, ...given };
  if (strategy.judge === null || world.now < endsAt)
    return {
      state: 'canary-hold',
      what: `${name}: its time`,
      until: endsAt,
      otherwise: strategy.judge === null ? 'goes on' : 'is judged',
    };
  return evidenceWait(world, strategy, strategy.judge, { step, from, endsAt, name });
}

/** A step whose time is over. */
interface Late {
  readonly step: CanaryStep;
  readonly from: GroupView;
  readonly endsAt: number;
  readonly name: string;
}

function evidenceWait(world: RolloutWorld, { steps }: Canary, terms: JudgeTerms, { step, from, endsAt, name }: Late): Wait {
  const { window, samples } = world.rollout.canary;
  const now = armsOf(world, step, from);
  const arms = now === null || window === null ? null : since(window, now);
  const lack = arms === null ? null : missingFor({ ...arms, samples }, terms, steps.length);
  const until = endsAt + (lack === null ? terms.waitMs : patienceMs(terms, lack));
  const what = lack === null ? "the load balancer's counts" : `${lackText(lack)} to judge`;
  const goes =
    (lack?.requests === 0 || terms.unsure === 'go-on') && (lack?.metric == null || terms.metrics?.unreadable === 'go-on');
  return { state: 'canary-evidence', what: `${name}: ${what}`, until, otherwise: goes ? 'goes on' : wayOut(world) };
}
