/** The canonical rollouts: each strategy, to success and to failure, and each way that a person turns one round. */
import type { Strategy } from '../../src/domain/release.ts';
import type { Match } from '../../src/domain/requests.ts';
import { GOOD, type Behaviour } from '../../src/engines/sim/behaviour.ts';
import { METRIC_ACTS } from './canon-metrics.ts';
import { TASK_ACTS } from './canon-tasks.ts';
import { contentOf, imageOf, type ReleaseTraits } from './releases.ts';
import type { Act, Scenario, TimedAct } from './scenario.ts';

const NEVER: Behaviour = { kind: 'never' };
const LIAR: Behaviour = { kind: 'lies', healthyAfterMs: 300 };
/** All of them end when the canary has half of the traffic. */
const SHORT: Behaviour = { kind: 'exits', healthyAfterMs: 300, afterMs: 7000 };
const SIZE = 3;
/** Long enough for any rollout of these to be over. */
const LATER_MS = 60_000;
/** Into the middle of one. */
const SOON_MS = 400;

const rolling: Strategy = { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: 1 };
const eager: Strategy = { kind: 'rolling', minHealthyPercent: 50, maxSurge: 0, batch: null };
const blueGreen: Strategy = { kind: 'blue-green' };
const recreate: Strategy = { kind: 'recreate' };
const terms = {
  maxErrors: null,
  maxSlowdown: 1.05,
  maxLatency: [],
  settleMs: 1000,
  waitMs: 60_000,
  unsure: 'roll-back',
} as const;
const canary: Strategy = {
  kind: 'canary',
  steps: [
    { weight: 1000, holdMs: 2000 },
    { weight: 5000, holdMs: 2000 },
  ],
  judge: terms,
};
const EVERY: Match = { in: 'header', name: 'x-canary', is: 'yes' };
const careful: Strategy = {
  kind: 'canary',
  steps: [
    { mirror: 5000, holdMs: 2000 },
    { when: EVERY, instances: 1, holdMs: 2000 },
    { instances: 1, holdMs: 2000 },
    { weight: 5000, holdMs: 2000 },
  ],
  judge: { ...terms, unsure: 'go-on', waitMs: 5000 },
  sticky: { by: 'cookie' },
};
const matched: Strategy = { kind: 'canary', steps: [{ when: EVERY, instances: 2, holdMs: null }], judge: null };
const stepwise: Strategy = {
  ...rolling,
  checkpoints: [
    { percent: 34, holdMs: 2000 },
    { percent: 100, holdMs: null },
  ],
};
const watched: Strategy = { kind: 'canary', steps: [{ weight: 2000, holdMs: null }], judge: null };

function deploy(name: string, strategy: Strategy, behaviour: Behaviour = GOOD, traits: ReleaseTraits = {}): Act {
  const content = contentOf(imageOf(name), { strategy, keepMs: 20_000, healthDeadlineMs: 3000, drainMs: 1000, ...traits });
  return { kind: 'deploy', content, behaviour, size: traits.singleWriter === true ? 1 : SIZE };
}

const after = (afterMs: number, act: Act): TimedAct => ({ afterMs, act });
const rollback: Act = { kind: 'rollback', to: null };

const ACTS: Readonly<Record<string, readonly TimedAct[]>> = {
  'rolling, done': [after(0, deploy('a', rolling)), after(LATER_MS, deploy('b', rolling))],
  'rolling, failed': [after(0, deploy('a', rolling)), after(LATER_MS, deploy('b', rolling, NEVER))],
  'rolling without surge, done': [after(0, deploy('a', eager)), after(LATER_MS, deploy('b', eager))],
  'rolling without surge, failed': [after(0, deploy('a', eager)), after(LATER_MS, deploy('b', eager, NEVER))],
  'blue-green, done': [after(0, deploy('a', blueGreen)), after(LATER_MS, deploy('b', blueGreen))],
  'blue-green, failed': [after(0, deploy('a', blueGreen)), after(LATER_MS, deploy('b', blueGreen, NEVER))],
  'canary, done': [after(0, deploy('a', canary)), after(LATER_MS, deploy('b', canary))],
  'canary, failed': [after(0, deploy('a', canary)), after(LATER_MS, deploy('b', canary, NEVER))],
  'canary, failed by the judge': [after(0, deploy('a', canary)), after(LATER_MS, deploy('b', canary, LIAR))],
  'canary by mirror, match, count and share, done': [after(0, deploy('a', careful)), after(LATER_MS, deploy('b', careful))],
  'canary by mirror, failed by the judge': [after(0, deploy('a', careful)), after(LATER_MS, deploy('b', careful, LIAR))],
  'canary by match, aborted': [
    after(0, deploy('a', matched)),
    after(LATER_MS, deploy('b', matched)),
    after(3000, { kind: 'abort' }),
  ],
  'canary by match, superseded': [
    after(0, deploy('a', matched)),
    after(LATER_MS, deploy('b', matched)),
    after(3000, deploy('c', rolling)),
  ],
  'canary, dead at its half': [after(0, deploy('a', canary)), after(LATER_MS, deploy('b', canary, SHORT))],
  'canary, promoted': [
    after(0, deploy('a', watched)),
    after(LATER_MS, deploy('b', watched)),
    after(5000, { kind: 'promote', past: 'step' }),
  ],
  'rolling by checkpoints, promoted': [
    after(0, deploy('a', stepwise)),
    after(LATER_MS, deploy('b', stepwise)),
    after(30_000, { kind: 'promote', past: 'step' }),
  ],
  'canary, aborted half-way': [
    after(0, deploy('a', canary)),
    after(LATER_MS, deploy('b', canary)),
    after(3000, { kind: 'abort' }),
  ],
  'recreate, done': [after(0, deploy('a', recreate)), after(LATER_MS, deploy('b', recreate))],
  'recreate, failed': [after(0, deploy('a', recreate)), after(LATER_MS, deploy('b', recreate, NEVER))],
  'a single writer, done': [
    after(0, deploy('a', recreate, GOOD, { singleWriter: true })),
    after(LATER_MS, deploy('b', rolling, GOOD, { singleWriter: true })),
  ],
  'a first deploy, failed': [after(0, deploy('a', rolling, NEVER))],
  'a warm rollback': [after(0, deploy('a', blueGreen)), after(10_000, deploy('b', blueGreen)), after(10_000, rollback)],
  'a cold rollback': [after(0, deploy('a', rolling)), after(LATER_MS, deploy('b', rolling)), after(LATER_MS, rollback)],
  'an abort half-way': [after(0, deploy('a', rolling)), after(LATER_MS, deploy('b', rolling)), after(SOON_MS, { kind: 'abort' })],
  'a deploy over a deploy': [
    after(0, deploy('a', rolling)),
    after(LATER_MS, deploy('b', rolling)),
    after(SOON_MS, deploy('c', blueGreen)),
  ],
  'scaling up and down': [
    after(0, deploy('a', rolling)),
    after(10_000, { kind: 'scale', size: 5 }),
    after(10_000, { kind: 'scale', size: 2 }),
  ],
  healing: [after(0, deploy('a', rolling)), after(10_000, { kind: 'kill', nth: 1 })],
  'an experiment': [after(0, deploy('a', rolling)), after(10_000, { kind: 'chaos', kill: { count: 2 }, forced: false })],
  'an experiment in the middle of a rollout': [
    after(0, deploy('a', rolling)),
    after(LATER_MS, deploy('b', rolling)),
    after(SOON_MS, { kind: 'chaos', kill: { count: 1 }, forced: true }),
  ],
  'a revoked image is left by itself': [
    after(0, deploy('a', rolling)),
    after(LATER_MS, deploy('b', rolling, GOOD, { rollBackRevoked: true })),
    after(LATER_MS, { kind: 'revoke', nth: 1, inMs: 0 }),
  ],
  'an image revoked half-way': [
    after(0, deploy('a', rolling)),
    after(LATER_MS, deploy('b', rolling)),
    after(SOON_MS, { kind: 'revoke', nth: 1, inMs: 0 }),
  ],
  'removing the fleet': [after(0, deploy('a', rolling)), after(10_000, { kind: 'retire' })],
};

export const CANON: readonly (readonly [string, Scenario])[] = Object.entries({ ...ACTS, ...TASK_ACTS, ...METRIC_ACTS }).map(
  ([name, acts], index) => [name, { seed: index + 1, acts, faults: {} }],
);
