/** A random history to come, drawn from a seed: what is deployed and commanded when, and what the world does meanwhile. */
import type { ReleaseContent, StepGives, Strategy } from '../../src/domain/release.ts';
import type { Match } from '../../src/domain/requests.ts';
import type { Upkeep } from '../../src/domain/upkeep.ts';
import type { Behaviour } from '../../src/engines/sim/behaviour.ts';
import type { FaultRates } from '../../src/engines/sim/faults.ts';
import type { TaskBehaviour, Tried } from '../../src/engines/sim/jobs.ts';
import { Random } from '../../src/engines/sim/random.ts';
import type { Kill } from '../../src/plan/chaos.ts';
import type { MetricBehaviour } from '../../src/engines/sim/sources.ts';
import type { Bounds } from '../../src/plan/state.ts';
import { drawAlarms, drawMetricBehaviour, drawMetrics } from './draw-metrics.ts';
import { drawTasks, drawTaskBehaviours } from './draw-tasks.ts';
import { contentOf, imageOf } from './releases.ts';

export type Act =
  | {
      readonly kind: 'deploy';
      readonly content: ReleaseContent;
      readonly behaviour: Behaviour;
      readonly tasks?: TaskBehaviours;
      readonly metrics?: MetricBehaviour;
      readonly size: number;
      readonly bounds?: Bounds;
      readonly upkeep?: Upkeep;
    }
  /** The content of an earlier deploy again. */
  | { readonly kind: 'redeploy'; readonly nth: number }
  | { readonly kind: 'rollback'; readonly to: number | null; readonly pastNoReturn?: boolean }
  | { readonly kind: 'abort'; readonly pastNoReturn?: boolean }
  | { readonly kind: 'approve' | 'reboot' }
  | { readonly kind: 'pause' | 'resume' | 'stop' | 'start' | 'retire' | 'crash' }
  | { readonly kind: 'promote'; readonly past: 'step' | 'all' }
  | { readonly kind: 'scale'; readonly size: number | 'auto' }
  | { readonly kind: 'chaos'; readonly kill: Kill; readonly forced: boolean }
  /** The daemon dies, and nobody starts another for so long unless a person asks for something. */
  | { readonly kind: 'outage'; readonly forMs: number }
  /** How many requests the fleet gets from now on. */
  | { readonly kind: 'load'; readonly requestsPerMs: number }
  /** The image of an earlier deploy, in `inMs`. */
  | { readonly kind: 'revoke'; readonly nth: number; readonly inMs: number }
  | { readonly kind: 'kill'; readonly nth: number }
  | { readonly kind: 'kill-balancer'; readonly forMs: number };

/** What is not named passes soon. */
export type TaskBehaviours = Readonly<Partial<Record<Tried, TaskBehaviour>>>;

export interface TimedAct {
  readonly afterMs: number;
  readonly act: Act;
}

export interface Scenario {
  readonly seed: number;
  readonly acts: readonly TimedAct[];
  readonly faults: FaultRates;
}

/** What all releases of one fleet share. */
interface FleetTraits {
  readonly singleWriter: boolean;
  readonly port: boolean;
}

export function drawScenario(seed: number): Scenario {
  const random = new Random(seed);
  const fleet: FleetTraits = { singleWriter: random.chance(0.12), port: !random.chance(0.06) };
  const first: TimedAct = { afterMs: 0, act: drawDeploy(random, fleet, random.chance(0.85)) };
  const later = Array.from({ length: random.between(1, 7) }, () => ({ afterMs: drawGap(random), act: drawAct(random, fleet) }));
  return { seed, acts: [first, ...later].flatMap((act) => approved(random, act)), faults: drawRates(random) };
}

/** Where somebody has to approve, somebody mostly does. */
function approved(random: Random, timed: TimedAct): readonly TimedAct[] {
  const { act } = timed;
  const approvals = act.kind === 'deploy' ? (act.content.replace.tasks ?? []).filter(({ kind }) => kind === 'approval') : [];
  const acts = approvals.map((): TimedAct => ({ afterMs: random.pick([500, 4000, 40_000]), act: { kind: 'approve' } }));
  return [timed, ...(random.chance(0.7) ? acts : [])];
}

/** Into the middle of a rollout, near its end, or long after it. */
function drawGap(random: Random): number {
  const kind = random.below(10);
  if (kind < 5) return random.below(4000);
  return kind < 8 ? random.between(4000, 40_000) : random.between(60_000, 900_000);
}

function drawRates(random: Random): FaultRates {
  const kind = random.below(10);
  if (kind < 4) return {};
  const share = kind < 8 ? 4 : 25;
  const [calls, crashes] = [random.below(share), random.below(Math.ceil(share / 2))];
  return {
    'fail-before': calls,
    'fail-after': calls,
    'hang-before': random.below(2),
    'hang-after': random.below(2),
    slow: calls,
    twice: calls,
    half: calls,
    'crash-before': crashes,
    'crash-after': crashes,
  };
}

/** Each act with its weight out of 100. */
const ACTS: readonly (readonly [number, (random: Random, fleet: FleetTraits) => Act])[] = [
  [27, (random, fleet) => drawDeploy(random, fleet, random.chance(0.5))],
  [4, (random) => ({ kind: 'revoke', nth: random.below(4), inMs: random.pick([0, 0, 2000, 60_000]) })],
  [4, (random) => ({ kind: 'redeploy', nth: random.below(4) })],
  [
    10,
    (random) => ({ kind: 'rollback', to: random.chance(0.25) ? random.between(1, 4) : null, pastNoReturn: random.chance(0.3) }),
  ],
  [7, (random) => ({ kind: 'abort', pastNoReturn: random.chance(0.3) })],
  [3, () => ({ kind: 'approve' })],
  [1, () => ({ kind: 'reboot' })],
  [5, () => ({ kind: 'pause' })],
  [2, (random) => ({ kind: 'promote', past: random.pick(['step', 'all'] as const) })],
  [3, () => ({ kind: 'resume' })],
  [6, (random, fleet) => ({ kind: 'scale', size: random.chance(0.2) ? 'auto' : drawSize(random, fleet) })],
  [6, (random) => ({ kind: 'load', requestsPerMs: random.pick([0, 0.02, 0.1, 0.3, 1]) })],
  [5, (random) => ({ kind: 'kill', nth: random.below(12) })],
  [
    2,
    (random) => ({ kind: 'chaos', kill: random.pick([{ count: 1 }, { count: 2 }, { percent: 50 }]), forced: random.chance(0.3) }),
  ],
  [4, (random) => ({ kind: 'kill-balancer', forMs: random.pick([50, 500, 5000, 30_000]) })],
  [4, () => ({ kind: 'crash' })],
  [1, (random) => ({ kind: 'outage', forMs: random.pick([30_000, 600_000, 7_200_000]) })],
  [2, () => ({ kind: 'stop' })],
  [3, () => ({ kind: 'start' })],
  [1, () => ({ kind: 'retire' })],
];

function drawAct(random: Random, fleet: FleetTraits): Act {
  let drawn = random.below(100);
  for (const [weight, draw] of ACTS) {
    if (drawn < weight) return draw(random, fleet);
    drawn -= weight;
  }
  throw new RangeError('the weights of the acts do not sum to 100');
}

const drawSize = (random: Random, fleet: FleetTraits): number =>
  fleet.singleWriter ? 1 : random.chance(0.7) ? random.between(1, 4) : random.between(5, 12);

function drawDeploy(random: Random, fleet: FleetTraits, good: boolean): Act {
  const healthDeadlineMs = random.pick([3000, 8000, 20_000]);
  const behaviour = good
    ? { kind: 'good' as const, healthyAfterMs: random.pick([20, 300, 1000]) }
    : drawBehaviour(random, healthDeadlineMs);
  const drainMs = random.pick([0, 1000, 5000]);
  const alarms = drawAlarms(random);
  const content = contentOf(imageOf(`image ${random.uint32()}`), {
    ...fleet,
    strategy: drawStrategy(random, fleet),
    warmUpMs: random.pick([0, 0, 500, 3000]),
    keepMs: random.pick([0, 5000, 60_000, 600_000]),
    rollBackRevoked: random.chance(0.5),
    deadlineMs: random.pick([20_000, 60_000, 120_000]),
    healthDeadlineMs,
    drainMs,
    streamDrainMs: random.pick([drainMs, drainMs, drainMs * 2, 0]),
    streamPaceMs: random.pick([0, 500, 4000]),
    stopGraceMs: random.pick([0, 500, 3000]),
    preview: fleet.port && random.chance(0.3),
    probe: random.chance(0.1) ? 'none' : 'http',
    ...(random.chance(0.35) ? { tasks: drawTasks(random, fleet.singleWriter) } : {}),
    ...(alarms === undefined ? {} : { alarms }),
  });
  const tasks = drawTaskBehaviours(random);
  const metrics = drawMetricBehaviour(random);
  return { kind: 'deploy', content, behaviour, tasks, metrics, size: drawSize(random, fleet), ...drawUpkeep(random, fleet) };
}

/** Some fleets follow their load, and some do not let their instances get old. */
function drawUpkeep(random: Random, fleet: FleetTraits): Pick<Extract<Act, { kind: 'deploy' }>, 'bounds' | 'upkeep'> {
  const maxAgeMs = random.chance(0.3) ? random.pick([5, 20, 120]) * 60_000 : null;
  if (fleet.singleWriter || random.chance(0.7)) return { upkeep: { scale: null, maxAgeMs } };
  const target = random.chance(0.5) ? ({ kind: 'requests', each: 30 } as const) : ({ kind: 'cpu', each: 10 } as const);
  const scale = { targets: [target], upMs: random.pick([0, 0, 30_000]), downMs: random.pick([5000, 60_000]) };
  return { bounds: { min: random.between(1, 2), max: random.between(2, 6) }, upkeep: { scale, maxAgeMs } };
}

function drawStrategy(random: Random, fleet: FleetTraits): Strategy {
  if (fleet.singleWriter && random.chance(0.8)) return { kind: 'recreate' };
  const kind = random.below(10);
  if (kind < 6) {
    const minHealthyPercent = random.pick([0, 25, 50, 75, 100, 100]);
    const pace = { maxSurge: random.below(5), batch: random.pick([null, 1, 2, 5]) };
    return { kind: 'rolling', minHealthyPercent, ...pace, ...drawCheckpoints(random) };
  }
  if (kind < 8 && fleet.port) return drawCanary(random);
  return { kind: kind < 9 ? 'blue-green' : 'recreate' };
}

function drawCheckpoints(random: Random): Pick<Extract<Strategy, { kind: 'rolling' }>, 'checkpoints'> {
  if (!random.chance(0.3)) return {};
  const percents = random.pick([[25], [10, 50], [30, 60, 100], [100]]);
  return {
    checkpoints: percents.map((percent) => ({ percent, holdMs: random.chance(0.2) ? null : random.pick([0, 2000, 30_000]) })),
  };
}

function drawCanary(random: Random): Strategy {
  const gifts = random.pick(GIFTS);
  const steps = gifts.map((gift) => ({ ...gift, holdMs: random.chance(0.1) ? null : random.pick([0, 2000, 30_000]) }));
  const maxErrors = random.pick([null, 0.01]);
  const unsure = random.pick(['roll-back', 'go-on'] as const);
  const terms = {
    maxErrors,
    maxSlowdown: 1.05,
    maxLatency: [],
    settleMs: random.pick([0, 1000, 10_000]),
    waitMs: random.pick([0, 5000, 60_000]),
    unsure,
    ...drawMetrics(random),
  };
  const sticky = random.pick([null, { by: 'cookie' }, { by: 'header', name: 'x-user' }, { by: 'address' }] as const);
  return { kind: 'canary', steps, judge: random.chance(0.75) ? terms : null, ...(sticky === null ? {} : { sticky }) };
}

const STAFF: Match = { in: 'cookie', name: 'staff', is: null };
const TESTER: Match = { in: 'header', name: 'x-canary', is: 'yes' };

/** What the steps of a canary give it, one after the other. */
const GIFTS: readonly (readonly StepGives[])[] = [
  [{ weight: 500 }],
  [{ weight: 100 }, { weight: 5000 }],
  [{ weight: 500 }, { weight: 2500 }, { weight: 5000 }],
  [{ weight: 9999 }],
  [{ instances: 1 }],
  [{ instances: 1 }, { instances: 4 }],
  [{ when: TESTER, instances: 1 }],
  [{ when: TESTER, instances: 1 }, { when: STAFF, instances: 2 }, { weight: 5000 }],
  [{ weight: 1000 }, { when: STAFF, instances: 1 }, { instances: 2 }],
  [{ mirror: 1000 }],
  [{ mirror: 10_000 }, { weight: 5000 }],
  [{ when: STAFF, instances: 1 }, { mirror: 2000 }, { instances: 1 }],
];

function drawBehaviour(random: Random, healthDeadlineMs: number): Behaviour {
  const healthyAfterMs = random.pick([20, 300, 1000]);
  const kind = random.below(20);
  if (kind < 4) return { kind: 'good', healthyAfterMs: Math.round(healthDeadlineMs * 0.6) };
  if (kind < 9) return { kind: 'never' };
  if (kind < 12) return { kind: 'exits', healthyAfterMs: 1_000_000, afterMs: random.pick([1, 200, 3000]) };
  if (kind < 14) return { kind: 'exits', healthyAfterMs, afterMs: healthyAfterMs * 3 };
  if (kind < 16)
    return { kind: 'flaps', healthyAfterMs, upMs: random.pick([500, 5000, 60_000]), downMs: random.pick([500, 5000]) };
  if (kind < 18) return { kind: 'lies', healthyAfterMs };
  return { kind: 'mortal', healthyAfterMs, lifeMs: random.pick([10_000, 120_000, 600_000]) };
}
