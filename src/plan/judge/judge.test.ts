/** How often the judge is right, by simulation. Every seed is printed with a failure; `SEED=n` replays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Random } from '../../engines/sim/random.ts';
import { alphaOf, judge, type Arm, type JudgePolicy, type Shown, type Verdict } from './judge.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const BOUNDS = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 2000, 5000, 10_000];
const see = (canary: Arm, baseline: Arm): Shown => ({ canary, baseline, samples: {} });
const NO_LIMITS: JudgePolicy = { maxErrors: null, maxSlowdown: 1.05, maxLatency: [] };

interface Truth {
  readonly errors: number;
  readonly latency: (random: Random) => number;
}

const uniform = (random: Random): number => (random.uint32() + 0.5) / 2 ** 32;
const normal = (random: Random): number => Math.sqrt(-2 * Math.log(uniform(random))) * Math.cos(2 * Math.PI * uniform(random));
/** Median `ms`, with the long tail that services have. */
const lognormal =
  (ms: number, sigma: number) =>
  (random: Random): number =>
    ms * Math.exp(sigma * normal(random));

class Arms {
  requests = 0;
  errors = 0;
  readonly counts = BOUNDS.map(() => 0).concat(0);

  serve(requests: number, truth: Truth, random: Random): void {
    for (let n = 0; n < requests; n++) {
      if (uniform(random) < truth.errors) this.errors += 1;
      const ms = truth.latency(random);
      const found = BOUNDS.findIndex((bound) => ms <= bound);
      const index = found === -1 ? BOUNDS.length : found;
      this.counts[index] = (this.counts[index] ?? 0) + 1;
    }
    this.requests += requests;
  }

  get arm(): Arm {
    return { requests: this.requests, errors: this.errors, latency: { bounds: BOUNDS, counts: this.counts } };
  }
}

/** A rollout of three judged steps with looks at 1/8, 1/4, 1/2 of each: the first verdict that is not to go on. */
function rollout(perStep: number, good: Truth, canary: Truth, random: Random): Verdict['verdict'] {
  let last: Verdict['verdict'] = 'pass';
  for (let step = 0; step < 3; step++) {
    const [own, other] = [new Arms(), new Arms()];
    const looks = [8, 4, 2, 1].map((part) => Math.floor(perStep / part));
    for (const [index, upTo] of looks.entries()) {
      const more = upTo - own.requests;
      own.serve(more, canary, random);
      other.serve(more, good, random);
      const early = index === looks.length - 1 ? null : index + 1;
      const { verdict } = judge(see(own.arm, other.arm), NO_LIMITS, { steps: 3, early });
      if (verdict === 'fail') return 'fail';
      if (early === null) last = verdict;
    }
  }
  return last;
}

const share = (trials: number, seed: number, failed: (random: Random) => boolean): number => {
  let count = 0;
  for (let trial = 0; trial < trials; trial++) if (failed(new Random(seed + trial))) count += 1;
  return count / trials;
};

test('of good releases at most 1 % are aborted: 5 to 1,000 requests a step, 0 to 5 % of errors', () => {
  const rates = [0, 0.001, 0.005, 0.01, 0.02, 0.05];
  for (const perStep of [5, 20, 50, 100, 250, 1000]) {
    const aborted = rates.map((errors, index) => {
      const truth = { errors, latency: lognormal(20, 0.8) };
      return share(300, SEED + index * 1000, (random) => rollout(perStep, truth, truth, random) === 'fail');
    });
    const mean = aborted.reduce((sum, each) => sum + each, 0) / aborted.length;
    assert.ok(mean <= 0.01, `${perStep} requests a step: ${mean * 100} % of 1,800 good releases aborted (SEED=${SEED})`);
  }
});

test('1 % of errors that become 5 % are caught at 1,000 requests an arm in at least 95 % of trials', () => {
  const latency = lognormal(20, 0.8);
  const caught = share(600, SEED, (random) => {
    const [own, other] = [new Arms(), new Arms()];
    own.serve(1000, { errors: 0.05, latency }, random);
    other.serve(1000, { errors: 0.01, latency }, random);
    return judge(see(own.arm, other.arm), NO_LIMITS, { steps: 3, early: null }).verdict === 'fail';
  });
  assert.ok(caught >= 0.95, `caught ${caught * 100} % (SEED=${SEED})`);
});

for (const [name, usual, slower] of [
  ['everything 20 % slower', lognormal(20, 0.8), lognormal(24, 0.8)],
  ['a steep service, everything 20 % slower', lognormal(240, 0.3), lognormal(288, 0.3)],
  // The slowest tenth takes 30 % more, which moves p95 by at least 20 % and the median not at all.
  ['only the tail slower', tailed(1), tailed(1.3)],
] as const) {
  test(`p95 up by 20 % is caught at 2,000 requests an arm in at least 95 % of trials: ${name}`, () => {
    const caught = share(300, SEED, (random) => {
      const [own, other] = [new Arms(), new Arms()];
      own.serve(2000, { errors: 0, latency: slower }, random);
      other.serve(2000, { errors: 0, latency: usual }, random);
      return judge(see(own.arm, other.arm), NO_LIMITS, { steps: 3, early: null }).verdict === 'fail';
    });
    assert.ok(caught >= 0.95, `caught ${caught * 100} % (SEED=${SEED})`);
  });
}

function tailed(factor: number): (random: Random) => number {
  const [fast, slow] = [lognormal(20, 0.3), lognormal(90, 0.25)];
  return (random) => (uniform(random) < 0.1 ? slow(random) * factor : fast(random));
}

const arm = (requests: number, errors: number, counts: readonly number[] = []): Arm => ({
  requests,
  errors,
  latency: { bounds: BOUNDS, counts: BOUNDS.map((_, index) => counts[index] ?? 0).concat(0) },
});
const LAST = { steps: 1, early: null };

test('too few requests are no verdict: it says how many more are needed, and with them it passes', () => {
  const first = judge(see(arm(20, 0), arm(380, 0)), NO_LIMITS, LAST);
  assert.equal(first.verdict, 'unsure');
  assert.ok(first.more > 10 && first.more < 1000, `${first.more}`);
  const then = judge(see(arm(20 + first.more, 0), arm(19 * (20 + first.more), 0)), NO_LIMITS, LAST);
  assert.equal(then.verdict, 'pass');
  assert.equal(judge(see(arm(0, 0), arm(1000, 0)), NO_LIMITS, LAST).verdict, 'unsure');
});

test('limits fail a release by themselves, but not where what serves breaks them, too', () => {
  const limits: JudgePolicy = { maxErrors: 0.01, maxSlowdown: 1.05, maxLatency: [{ quantile: 0.95, ms: 300 }] };
  assert.equal(judge(see(arm(2000, 60), arm(2000, 15)), limits, LAST).verdict, 'fail');
  assert.match(judge(see(arm(2000, 60), arm(2000, 15)), limits, LAST).why, /errors ≤ 1 %: 3 %/);
  assert.notEqual(judge(see(arm(2000, 60), arm(2000, 60)), limits, LAST).verdict, 'fail');
  const slow = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1700, 300];
  const fast = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1990, 10];
  const tooSlow = judge(see(arm(2000, 0, slow), arm(2000, 0, fast)), limits, LAST);
  assert.ok(tooSlow.tests.some(({ metric, failed }) => metric === 'p95 ≤ 300 ms' && failed));
});

test('a difference that is sure but does not matter passes', () => {
  const { verdict, tests } = judge(see(arm(4_000_000, 4600), arm(4_000_000, 4000)), NO_LIMITS, LAST);
  assert.ok((tests[0]?.p ?? 1) < 1e-9);
  assert.equal(verdict, 'pass');
});

test('all looks of all steps share one budget', () => {
  let spent = 0;
  for (let step = 0; step < 5; step++) {
    spent += alphaOf({ steps: 5, early: null });
    for (let early = 1; early <= 1000; early++) spent += alphaOf({ steps: 5, early });
  }
  assert.ok(spent < 0.01, `${spent}`);
});
