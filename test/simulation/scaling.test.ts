/** Fleets whose size follows their load, from the counters to the instances. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Strategy } from '../../src/domain/release.ts';
import type { ScaleTarget } from '../../src/domain/upkeep.ts';
import { contentOf, FLEET, imageOf } from './releases.ts';
import { simulate, type Simulated } from './simulated.ts';

const MINUTE_MS = 60_000;
const bounds = { min: 2, max: 10 };

function site(): Simulated {
  const it = simulate(1);
  it.fleets.start();
  return it;
}

function deploy({ fleets }: Simulated, image: string, target: ScaleTarget, strategy?: Strategy): void {
  const content = contentOf(imageOf(image), { keepMs: 0, ...(strategy === undefined ? {} : { strategy }) });
  const upkeep = { scale: { targets: [target], upMs: 30_000, downMs: 5 * MINUTE_MS }, maxAgeMs: null };
  fleets.deploy({ content, size: 2, bounds, upkeep, label: image, by: 'test' });
}

const sizes = ({ journal }: Simulated): readonly number[] =>
  journal.snapshot().flatMap(({ kind, data }) => (kind === 'size.set' ? [(data as { size: number }).size] : []));
const healthy = ({ world }: Simulated): number => world.instances().filter(({ health }) => health.status === 'healthy').length;
const state = ({ fleets }: Simulated) => fleets.state(FLEET);
const perSecond: ScaleTarget = { kind: 'requests', each: 50 };

test('it follows the requests up within two minutes and down within the hour, and each step has its numbers', async () => {
  const it = site();
  deploy(it, 'one', perSecond);
  await it.run(10 * MINUTE_MS);
  assert.equal(state(it).size, 2, '100 requests a second are two instances');
  it.world.setRate(FLEET, 0.4);
  assert.ok(await it.run(2 * MINUTE_MS, () => healthy(it) === 8), `${healthy(it)} instances`);
  await it.run(10 * MINUTE_MS);
  assert.equal(state(it).size, 8);
  it.world.setRate(FLEET, 0.1);
  await it.run(40 * MINUTE_MS);
  assert.equal(healthy(it), 2);
  const down = sizes(it).slice(sizes(it).lastIndexOf(8));
  assert.ok(down.length >= 6, `not in steps: ${down.join(', ')}`);
  assert.deepEqual(
    down,
    down.toSorted((a, b) => b - a),
  );
  for (const { kind, data } of it.journal
    .snapshot()
    .filter((entry) => entry.kind === 'size.set')
    .slice(1)) {
    const { load } = data as { load?: { kind: string; each: number; total: number; from: number } };
    assert.ok(
      load !== undefined && load.kind === 'requests' && load.each === 50 && load.total > 0,
      `${kind} without its numbers`,
    );
  }
  assert.deepEqual(it.world.violations, []);
  it.fleets.close();
});

test('it follows the processor time of its instances', async () => {
  const it = site();
  // 2 ms of CPU a request: 800 requests a second are 160 % of one CPU.
  it.world.setRate(FLEET, 0.8);
  deploy(it, 'one', { kind: 'cpu', each: 40 });
  assert.ok(await it.run(5 * MINUTE_MS, () => healthy(it) === 4));
  await it.run(10 * MINUTE_MS);
  assert.equal(state(it).size, 4);
  it.fleets.close();
});

for (const strategy of [
  { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: 1 },
  { kind: 'blue-green' },
  { kind: 'canary', steps: [{ weight: 2000, holdMs: 10 * MINUTE_MS }], judge: null },
] as const satisfies readonly Strategy[]) {
  test(`${strategy.kind}: a deploy keeps the size that the load asked for, grows with it meanwhile, and shrinks after it`, async () => {
    const it = site();
    it.world.setRate(FLEET, 0.25);
    deploy(it, 'one', perSecond, strategy);
    assert.ok(await it.run(10 * MINUTE_MS, () => healthy(it) === 5 && state(it).rollout === null));
    await it.run(MINUTE_MS);
    it.world.behave(imageOf('two'), { kind: 'good', healthyAfterMs: 5000 });
    deploy(it, 'two', perSecond, strategy);
    assert.equal(state(it).size, 5);
    it.world.setRate(FLEET, 0.45);
    assert.ok(await it.run(20 * MINUTE_MS, () => state(it).rollout === null && state(it).size === 9));
    it.world.setRate(FLEET, 0.1);
    deploy(it, 'three', perSecond, strategy);
    assert.ok(await it.run(20 * MINUTE_MS, () => state(it).serving === 3), 'the third release did not come to serve');
    assert.equal(state(it).size, 9, 'it shrank during the rollout');
    await it.run(45 * MINUTE_MS);
    assert.equal(healthy(it), 2);
    assert.deepEqual(it.world.violations, []);
    it.fleets.close();
  });
}

test('a size that a person sets holds, over a deploy too, until it is given back or its time is over', async () => {
  const it = site();
  deploy(it, 'one', perSecond);
  await it.run(5 * MINUTE_MS);
  await it.fleets.command(FLEET, { kind: 'scale', size: 6 }, 'test');
  await it.run(30 * MINUTE_MS);
  assert.equal(healthy(it), 6);
  deploy(it, 'two', perSecond);
  await it.run(30 * MINUTE_MS);
  assert.equal(healthy(it), 6);
  await it.fleets.command(FLEET, { kind: 'scale', size: 'auto' }, 'test');
  await it.run(30 * MINUTE_MS);
  assert.equal(healthy(it), 2);
  const until = it.world.clock.now() + 20 * MINUTE_MS;
  await it.fleets.command(FLEET, { kind: 'scale', size: 4, until }, 'test');
  await it.run(19 * MINUTE_MS);
  assert.equal(healthy(it), 4);
  await it.run(20 * MINUTE_MS);
  assert.equal(healthy(it), 2);
  it.fleets.close();
});

test('while the counters can not be read the size stays', async () => {
  const it = site();
  deploy(it, 'one', perSecond);
  await it.run(5 * MINUTE_MS);
  it.world.setFaults({ draw: ({ verb }) => (verb === 'metrics' ? 'fail-before' : 'none') });
  it.world.setRate(FLEET, 0.4);
  await it.run(10 * MINUTE_MS);
  assert.equal(state(it).size, 2);
  it.world.setFaults({ draw: () => 'none' });
  assert.ok(await it.run(2 * MINUTE_MS, () => healthy(it) === 8));
  it.fleets.close();
});

test('it follows a metric of a source, and stays while that can not be read', async () => {
  const it = site();
  const source = { kind: 'prometheus', url: 'http://127.0.0.1:9090', query: 'queue' } as const;
  deploy(it, 'one', { kind: 'metric', each: 50, source });
  await it.run(5 * MINUTE_MS);
  assert.equal(state(it).size, 2, 'about 100 are two instances');
  it.world.behaveMetrics(imageOf('one'), { kind: 'known', value: 300 });
  assert.ok(await it.run(5 * MINUTE_MS, () => healthy(it) >= 6), `${healthy(it)} instances`);
  it.world.behaveMetrics(imageOf('one'), { kind: 'broken' });
  const { size } = state(it);
  await it.run(30 * MINUTE_MS);
  assert.equal(state(it).size, size);
  it.fleets.close();
});
