/** Metrics of sources as the judge sees them. Every seed is printed with a failure; `SEED=n` replays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Metric } from '../../domain/metric.ts';
import type { JudgeTerms, MetricsTerms } from '../../domain/release.ts';
import { Random } from '../../engines/sim/random.ts';
import { goesOn, judge, missingFor, type Arm, type JudgePolicy, type Verdict } from './judge.ts';
import type { Sample } from './samples.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const LAST = { steps: 3, early: null };
/** Enough requests for the load balancer's counts to pass by themselves. */
const WELL: Arm = { requests: 5000, errors: 0, latency: { bounds: [10, 100], counts: [5000, 0, 0] } };

const metric = (terms: Partial<Metric>): Metric => ({
  name: 'queue',
  source: { kind: 'prometheus', url: 'http://127.0.0.1:9090', query: 'queue' },
  below: null,
  above: null,
  rise: null,
  drop: null,
  ...terms,
});

const policyOf = (...metrics: readonly Metric[]): JudgePolicy => ({
  maxErrors: null,
  maxSlowdown: 1.05,
  maxLatency: [],
  metrics: { metrics, everyMs: 10_000, unreadable: 'roll-back' },
});

const verdictOf = (terms: Partial<Metric>, samples: readonly Sample[]): Verdict =>
  judge({ canary: WELL, baseline: WELL, samples: { queue: samples } }, policyOf(metric(terms)), LAST);

const flat = (count: number, canary: number | null, baseline: number | null): readonly Sample[] =>
  Array.from({ length: count }, () => ({ canary, baseline }));

const uniform = (random: Random): number => (random.uint32() + 0.5) / 2 ** 32;
const normal = (random: Random): number => Math.sqrt(-2 * Math.log(uniform(random))) * Math.cos(2 * Math.PI * uniform(random));
const drawn = (random: Random, count: number, factor: number): readonly Sample[] =>
  Array.from({ length: count }, () => ({
    canary: 100 * factor * Math.exp(0.15 * normal(random)),
    baseline: 100 * Math.exp(0.15 * normal(random)),
  }));

/** As many as a limit needs: by chance all of so many lie above the middle once in 2,048 times. */
const ENOUGH = 11;

test('a limit fails where the middle is surely beyond it, and not where what serves is beyond it too', () => {
  assert.equal(verdictOf({ below: 100 }, flat(ENOUGH, 120, 80)).verdict, 'fail');
  assert.match(verdictOf({ below: 100 }, flat(ENOUGH, 120, 80)).why, /^queue ≤ 100: 120 /);
  assert.equal(verdictOf({ below: 100 }, flat(ENOUGH, 120, 130)).verdict, 'pass');
  assert.equal(verdictOf({ above: 100 }, flat(ENOUGH, 80, 120)).verdict, 'fail');
  assert.equal(verdictOf({ below: 100, above: 10 }, flat(2 * ENOUGH, 50, 50)).verdict, 'pass');
  const oneSpike = [...flat(ENOUGH, 50, 50), ...flat(1, 9999, 50)];
  assert.equal(verdictOf({ below: 100 }, oneSpike).verdict, 'pass');
});

test('a limit needs no baseline: a metric that only the new release has is judged', () => {
  assert.equal(verdictOf({ below: 100 }, flat(ENOUGH, 120, null)).verdict, 'fail');
  assert.equal(verdictOf({ below: 100 }, flat(ENOUGH, 20, null)).verdict, 'pass');
});

test('a source that gave too few numbers is an error of its own, and says how many more are needed', () => {
  const verdict = verdictOf({ below: 100 }, flat(1, 20, 20));
  assert.equal(verdict.verdict, 'error');
  assert.equal(verdict.why, 'about 10 more numbers of queue are needed');
  assert.equal(verdictOf({ rise: 0.2 }, []).verdict, 'error');
  const { metric: lacking } = missingFor({ canary: WELL, baseline: WELL, samples: {} }, policyOf(metric({ rise: 0.2 })), 3);
  const needed = lacking?.samples ?? 0;
  assert.ok(needed > 3 && needed < 30, `${needed} samples`);
  assert.equal(verdictOf({ rise: 0.2 }, flat(needed, 100, 100)).verdict, 'pass');
});

test('what the last look lacks decides with what kiln.yaml says of it, requests and numbers each by its own', () => {
  const [few, many] = [{ ...WELL, requests: 5, latency: { bounds: [10, 100], counts: [5, 0, 0] } }, WELL];
  const policy = policyOf(metric({ below: 100 }));
  const terms = (unsure: JudgeTerms['unsure'], unreadable: MetricsTerms['unreadable']): JudgeTerms => ({
    ...policy,
    settleMs: 0,
    waitMs: 0,
    unsure,
    metrics: { metrics: policy.metrics?.metrics ?? [], everyMs: 1000, unreadable },
  });
  const look = (arm: Arm, count: number): Verdict =>
    judge({ canary: arm, baseline: many, samples: { queue: flat(count, 20, 20) } }, policy, LAST);
  const [lacksBoth, lacksRequests, lacksNumbers] = [look(few, 0), look(few, ENOUGH), look(many, 0)];
  assert.deepEqual(
    [lacksBoth, lacksRequests, lacksNumbers].map(({ verdict }) => verdict),
    ['unsure', 'unsure', 'error'],
  );
  assert.match(lacksBoth.why, /^about \d+ more requests and \d+ more numbers of queue are needed$/);
  assert.equal(goesOn(lacksBoth, terms('go-on', 'go-on')), true);
  assert.equal(goesOn(lacksBoth, terms('go-on', 'roll-back')), false);
  assert.equal(goesOn(lacksBoth, terms('roll-back', 'go-on')), false);
  assert.equal(goesOn(lacksRequests, terms('go-on', 'roll-back')), true);
  assert.equal(goesOn(lacksNumbers, terms('roll-back', 'go-on')), true);
  assert.equal(goesOn(lacksNumbers, terms('go-on', 'hold')), false);
});

test('the same numbers give the same verdict', () => {
  const shown = { canary: WELL, baseline: WELL, samples: { queue: drawn(new Random(SEED), 30, 1.2) } };
  const policy = policyOf(metric({ rise: 0.1, below: 500 }));
  const first = judge(shown, policy, LAST);
  for (let again = 0; again < 20; again++) assert.deepEqual(judge(structuredClone(shown), structuredClone(policy), LAST), first);
});

/** Ways in which the numbers of a good release may be spread: the limits below are met by the middle of each, barely. */
const GOOD: Readonly<Record<string, (random: Random) => number>> = {
  'the same all the time': () => 100,
  'around a middle': (random) => 100 * Math.exp(0.15 * normal(random)),
  'mostly none, now and then many': (random) => (uniform(random) < 0.3 ? 100 * uniform(random) : 0),
  'one of two': (random) => (uniform(random) < 0.5 ? 99 : 100),
  'with a long tail': (random) => 100 * Math.exp(1.5 * normal(random)),
};

test('of good releases at most 1 % are aborted, over three steps with early looks, by nine questions to three metrics', () => {
  const metrics = ['queue', 'lag', 'orders'].map((name) => ({ ...metric({ rise: 0, drop: 0, below: 100.001 }), name }));
  const policy = policyOf(...metrics);
  const trials = 100;
  const aborted = Object.entries(GOOD).map(([spread, draw]) => {
    let count = 0;
    for (let trial = 0; trial < trials; trial++) {
      if (abortsGood(policy, draw, new Random(SEED * 100_000 + trial))) count += 1;
    }
    return [spread, count] as const;
  });
  const all = aborted.reduce((sum, [, count]) => sum + count, 0);
  assert.ok(all <= 0.01 * trials * aborted.length, `aborted of ${trials} each: ${aborted.join('; ')} (SEED=${SEED})`);
});

/** Three steps of 40 numbers each, with looks at 5, 10 and 20 of them. */
function abortsGood(policy: JudgePolicy, draw: (random: Random) => number, random: Random): boolean {
  for (let step = 0; step < 3; step++) {
    const samples = Object.fromEntries(
      (policy.metrics?.metrics ?? []).map(({ name }) => [
        name,
        Array.from({ length: 40 }, () => ({ canary: draw(random), baseline: draw(random) })),
      ]),
    );
    for (const [index, upTo] of [5, 10, 20, 40].entries()) {
      const seen = Object.fromEntries(Object.entries(samples).map(([name, all]) => [name, all.slice(0, upTo)]));
      const early = upTo === 40 ? null : index + 1;
      const { verdict } = judge({ canary: WELL, baseline: WELL, samples: seen }, policy, { steps: 3, early });
      if (verdict === 'fail') return true;
    }
  }
  return false;
}

test('of releases whose metric is the same at most 1 % are failed', () => {
  let failed = 0;
  const trials = 1000;
  for (let trial = 0; trial < trials; trial++) {
    const samples = drawn(new Random(SEED + trial), 30, 1);
    if (verdictOf({ rise: 0, drop: 0 }, samples).verdict === 'fail') failed += 1;
  }
  assert.ok(failed / trials <= 0.01, `${failed} of ${trials} failed (SEED=${SEED})`);
});

test('a metric that rose by half is caught by 30 numbers in at least 95 % of trials, and a drop likewise', () => {
  for (const [terms, factor] of [
    [{ rise: 0.1 }, 1.5],
    [{ drop: 0.1 }, 0.6],
  ] as const) {
    let caught = 0;
    for (let trial = 0; trial < 500; trial++) {
      if (verdictOf(terms, drawn(new Random(SEED + trial), 30, factor)).verdict === 'fail') caught += 1;
    }
    assert.ok(caught >= 475, `${caught} of 500 caught (SEED=${SEED})`);
  }
});

test('a difference within the tolerance passes however sure it is', () => {
  assert.equal(verdictOf({ rise: 0.2 }, flat(200, 110, 100)).verdict, 'pass');
  assert.equal(verdictOf({ rise: 0.2 }, flat(200, 130, 100)).verdict, 'fail');
});
