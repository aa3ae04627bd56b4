/** Rollouts that are judged by metrics of sources and watched for by alarms, from the sources to the release that serves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Alarm, Metric } from '../../src/domain/metric.ts';
import type { MetricsTerms, Strategy } from '../../src/domain/release.ts';
import type { MetricBehaviour } from '../../src/engines/sim/sources.ts';
import { contentOf, FLEET, imageOf, type ReleaseTraits } from './releases.ts';
import { simulate, type Simulated } from './simulated.ts';

const MINUTE_MS = 60_000;
const TICK_MS = 5_000;
const source = { kind: 'prometheus', url: 'http://127.0.0.1:9090', query: 'queue{release="$release"}' } as const;
const queue: Metric = { name: 'queue', source, below: null, above: null, rise: 0.2, drop: null };
const alarm: Alarm = { name: 'queue', source, above: 150, below: null, forMs: 0 };
const TWICE: MetricBehaviour = { kind: 'known', value: 200 };

function canary(unreadable: MetricsTerms['unreadable'], holdMs: number | null = MINUTE_MS): Strategy {
  const metrics = { metrics: [queue], everyMs: 2000, unreadable };
  const terms = { maxErrors: null, maxSlowdown: 1.05, maxLatency: [], settleMs: 1000, waitMs: 2 * MINUTE_MS } as const;
  return { kind: 'canary', steps: [{ weight: 5000, holdMs }], judge: { ...terms, unsure: 'roll-back', metrics } };
}

/** The first release serves; the second is on its way. */
async function rollout(traits: ReleaseTraits, metrics: MetricBehaviour): Promise<Simulated> {
  const it = simulate(1);
  it.fleets.start();
  const deploy = (image: string): void => {
    const content = contentOf(imageOf(image), { keepMs: 10 * MINUTE_MS, ...traits });
    it.fleets.deploy({ content, size: 2, bounds: null, label: image, by: 'test' });
  };
  deploy('one');
  assert.ok(await it.run(5 * MINUTE_MS, () => state(it).serving === 1 && state(it).rollout === null));
  it.world.behaveMetrics(imageOf('two'), metrics);
  deploy('two');
  return it;
}

const state = ({ fleets }: Simulated) => fleets.state(FLEET);
const events = (it: Simulated, kind: string): readonly unknown[] =>
  it.journal
    .snapshot()
    .filter((entry) => entry.kind === kind)
    .map(({ data }) => data);

async function ended(it: Simulated, limitMs: number): Promise<{ readonly serving: number | null; readonly why: string }> {
  assert.ok(await it.run(limitMs, () => state(it).rollout === null), 'the rollout has not ended');
  assert.deepEqual(it.world.violations, []);
  it.fleets.close();
  return { serving: state(it).serving, why: state(it).ended?.reason ?? '' };
}

test('a canary whose metric is as it was goes on, and its numbers are in the history', async () => {
  const it = await rollout({ strategy: canary('roll-back') }, { kind: 'known', value: 100 });
  assert.equal((await ended(it, 10 * MINUTE_MS)).serving, 2);
  assert.ok(events(it, 'canary.measured').length >= 8);
  const [judged] = events(it, 'canary.judged').slice(-1) as { verdict: { verdict: string; why: string } }[];
  assert.equal(judged?.verdict.verdict, 'pass');
  assert.match(judged.verdict.why, /queue: [\d.]+ against [\d.]+/);
});

test('a canary whose metric has doubled is rolled back, with the numbers as the reason', async () => {
  const { serving, why } = await ended(await rollout({ strategy: canary('go-on') }, TWICE), 10 * MINUTE_MS);
  assert.equal(serving, 1);
  assert.match(why, /the judge failed r2 at 50 %: queue: (19|20)\d against (9|10)\d/);
});

for (const [unreadable, serving] of [
  ['roll-back', 1],
  ['go-on', 2],
] as const) {
  test(`a source that can not be read: ${unreadable} after its wait`, async () => {
    const { serving: serves, why } = await ended(
      await rollout({ strategy: canary(unreadable) }, { kind: 'broken' }),
      10 * MINUTE_MS,
    );
    assert.equal(serves, serving);
    if (serving === 1) assert.match(why, /r2 at 50 % could not be judged: .* numbers of queue .*nonsense/);
  });
}

test('a source that can not be read: hold waits long after the others, and goes on when it is back', async () => {
  const it = await rollout({ strategy: canary('hold') }, { kind: 'broken' });
  assert.equal(await it.run(20 * MINUTE_MS, () => state(it).rollout === null), false);
  assert.match(it.fleets.fleet(FLEET).last?.plan.waits[0]?.what ?? '', /numbers of queue to judge/);
  it.world.behaveMetrics(imageOf('two'), { kind: 'known', value: 100 });
  assert.equal((await ended(it, 60 * MINUTE_MS)).serving, 2);
});

test('a source that fails every other time is asked again, and is enough in the end', async () => {
  const it = await rollout({ strategy: canary('roll-back') }, { kind: 'wavering' });
  assert.equal((await ended(it, 10 * MINUTE_MS)).serving, 2);
});

for (const strategy of [
  { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: 1, checkpoints: [{ percent: 50, holdMs: null }] },
  { kind: 'canary', steps: [{ weight: 5000, holdMs: null }], judge: null },
] as const satisfies readonly Strategy[]) {
  test(`${strategy.kind}: an alarm ends it at any moment, within a look and a tick, paused too`, async () => {
    const later = { value: 200, afterMs: 10 * MINUTE_MS };
    const it = await rollout({ strategy, alarms: [alarm] }, { kind: 'known', value: 100, later });
    assert.equal(await it.run(9 * MINUTE_MS, () => state(it).rollout?.cause !== 'deploy'), false);
    await it.fleets.command(FLEET, { kind: 'pause' }, 'test');
    assert.ok(await it.run(MINUTE_MS + 2 * TICK_MS, () => state(it).rollout?.cause !== 'deploy'));
    const { serving, why } = await ended(it, 10 * MINUTE_MS);
    assert.equal(serving, 1);
    assert.match(why, /the alarm queue was raised: (19|20)\d is above 150/);
  });
}

test('an alarm has to hold for its time without a break', async () => {
  const strategy: Strategy = { kind: 'canary', steps: [{ weight: 5000, holdMs: null }], judge: null };
  const it = await rollout({ strategy, alarms: [{ ...alarm, forMs: MINUTE_MS }] }, { kind: 'known', value: 100 });
  await it.run(MINUTE_MS);
  it.world.behaveMetrics(imageOf('two'), TWICE);
  await it.run(MINUTE_MS / 2);
  it.world.behaveMetrics(imageOf('two'), { kind: 'silent' });
  await it.run(MINUTE_MS / 4);
  assert.equal(events(it, 'alarm.raised').length, 1, 'what can not be seen clears nothing');
  it.world.behaveMetrics(imageOf('two'), { kind: 'known', value: 100 });
  await it.run(5 * MINUTE_MS);
  assert.equal(state(it).rollout?.cause, 'deploy');
  assert.equal(events(it, 'alarm.cleared').length, 1);
  it.world.behaveMetrics(imageOf('two'), TWICE);
  const raisedAt = it.world.clock.now();
  assert.ok(await it.run(2 * MINUTE_MS, () => state(it).rollout?.cause !== 'deploy'));
  const tookMs = it.world.clock.now() - raisedAt;
  assert.ok(tookMs >= MINUTE_MS && tookMs <= MINUTE_MS + 2 * TICK_MS, `${tookMs} ms`);
  it.fleets.close();
});

test('an alarm that was raised before anything of the release was launched does not keep the cure away', async () => {
  const it = await rollout({ alarms: [alarm] }, TWICE);
  assert.equal((await ended(it, 10 * MINUTE_MS)).serving, 2);
  assert.deepEqual(
    (events(it, 'alarm.raised') as { standing: boolean }[]).map(({ standing }) => standing),
    [true],
  );
});

test('sources that hang keep nothing from healing, and nothing from being aborted', async () => {
  const it = await rollout({ strategy: canary('hold', null), alarms: [alarm] }, { kind: 'known', value: 100 });
  it.world.setFaults({ draw: ({ verb }) => (verb === 'measure' ? 'hang-before' : 'none') });
  await it.run(5 * MINUTE_MS);
  const [one] = it.world.instances();
  assert.ok(one);
  it.world.kill(one.id);
  const healthy = (): number => it.world.instances().filter(({ health }) => health.status === 'healthy').length;
  assert.ok(await it.run(10_000, () => healthy() === 3), `${healthy()} healthy`);
  await it.fleets.command(FLEET, { kind: 'abort' }, 'test');
  assert.equal((await ended(it, MINUTE_MS)).serving, 1);
});
