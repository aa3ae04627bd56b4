/** Instances are spread evenly over the zones of an engine that has some. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Strategy } from '../../src/domain/release.ts';
import { contentOf, FLEET, imageOf } from './releases.ts';
import { simulate, type Simulated } from './simulated.ts';

const MINUTE_MS = 60_000;
const ZONES = ['a', 'b', 'c'];

function site(zones: readonly string[] = ZONES): Simulated {
  const it = simulate(1, { world: { zones } });
  it.fleets.start();
  return it;
}

async function deploy(it: Simulated, image: string, size: number, strategy?: Strategy): Promise<void> {
  const content = contentOf(imageOf(image), { keepMs: 0, ...(strategy === undefined ? {} : { strategy }) });
  it.fleets.deploy({ content, size, bounds: null, label: image, by: 'test' });
  await atRest(it, size);
}

async function atRest(it: Simulated, size: number): Promise<void> {
  const whole = (): boolean =>
    it.world.instances().length === size && it.world.instances().every(({ health }) => health.status === 'healthy');
  assert.ok(await it.run(10 * MINUTE_MS, () => whole() && it.fleets.state(FLEET).rollout === null), 'not at rest');
}

const spread = ({ world }: Simulated): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { zone } of world.instances()) counts[zone ?? 'none'] = (counts[zone ?? 'none'] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).toSorted(([a], [b]) => a.localeCompare(b)));
};

const counts = (it: Simulated): readonly number[] => Object.values(spread(it)).toSorted((a, b) => a - b);

test('a group is spread evenly, and stays so when it grows and shrinks', async () => {
  const it = site();
  await deploy(it, 'one', 9);
  assert.deepEqual(spread(it), { a: 3, b: 3, c: 3 });
  await it.fleets.command(FLEET, { kind: 'scale', size: 12 }, 'test');
  await atRest(it, 12);
  assert.deepEqual(spread(it), { a: 4, b: 4, c: 4 });
  await it.fleets.command(FLEET, { kind: 'scale', size: 6 }, 'test');
  await atRest(it, 6);
  assert.deepEqual(spread(it), { a: 2, b: 2, c: 2 });
  it.fleets.close();
});

for (const strategy of [
  { kind: 'rolling', minHealthyPercent: 100, maxSurge: 2, batch: null },
  { kind: 'blue-green' },
] as const satisfies readonly Strategy[]) {
  test(`${strategy.kind}: the next release is spread as evenly as the one before`, async () => {
    const it = site();
    await deploy(it, 'one', 7, strategy);
    await deploy(it, 'two', 7, strategy);
    assert.deepEqual(counts(it), [2, 2, 3]);
    it.fleets.close();
  });
}

test('what a lost zone took is launched in the others, and the zone is filled first when it is back', async () => {
  const it = site();
  await deploy(it, 'one', 9);
  it.world.loseZone('b');
  await atRest(it, 9);
  assert.deepEqual(counts(it), [4, 5]);
  assert.equal(spread(it)['b'], undefined);
  it.world.restoreZone('b');
  await it.fleets.command(FLEET, { kind: 'scale', size: 12 }, 'test');
  await atRest(it, 12);
  assert.deepEqual(spread(it), { a: 5, b: 3, c: 4 });
  await it.fleets.command(FLEET, { kind: 'scale', size: 9 }, 'test');
  await atRest(it, 9);
  assert.deepEqual(spread(it), { a: 3, b: 3, c: 3 });
  assert.deepEqual(it.world.violations, []);
  it.fleets.close();
});

test('an engine without zones has nothing to spread over', async () => {
  const it = site([]);
  await deploy(it, 'one', 3);
  assert.deepEqual(spread(it), { none: 3 });
  it.fleets.close();
});
