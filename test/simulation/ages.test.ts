/** No instance gets older than its fleet allows, and the fleet serves all the while. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { InstanceId } from '../../src/domain/ids.ts';
import { contentOf, FLEET, imageOf, type ReleaseTraits } from './releases.ts';
import { simulate, type Simulated } from './simulated.ts';

const HOUR_MS = 3_600_000;

function site(): Simulated {
  const it = simulate(1);
  it.world.setFloor(() => it.fleets.state(FLEET).size);
  it.fleets.start();
  return it;
}

function deploy(
  { fleets }: Simulated,
  image: string,
  size: number,
  traits: ReleaseTraits = {},
  maxAgeMs: number | null = 2 * HOUR_MS,
): void {
  const content = contentOf(imageOf(image), { keepMs: 0, ...traits });
  fleets.deploy({ content, size, bounds: null, upkeep: { scale: null, maxAgeMs }, label: image, by: 'test' });
}

const healthy = ({ world }: Simulated): number => world.instances().filter(({ health }) => health.status === 'healthy').length;
const recycled = ({
  journal,
}: Simulated): readonly { readonly at: number; readonly instance: InstanceId; readonly ageMs: number }[] =>
  journal
    .snapshot()
    .flatMap(({ at, kind, data }) =>
      kind === 'recycle.started' ? [{ at, ...(data as { instance: InstanceId; ageMs: number }) }] : [],
    );

test('law 4: each is replaced before its age, one at a time, at different times, and the fleet is never less than whole', async () => {
  const it = site();
  deploy(it, 'one', 8, {}, 24 * HOUR_MS);
  assert.ok(await it.run(HOUR_MS, () => healthy(it) === 8));
  const first = new Set(it.world.instances().map(({ id }) => id));
  let [least, most, oldest] = [8, 8, 0];
  await it.run(24 * HOUR_MS, () => {
    const all = it.world.instances();
    least = Math.min(least, healthy(it));
    most = Math.max(most, all.length);
    oldest = Math.max(oldest, ...all.map(({ launchedAt }) => it.world.clock.now() - launchedAt));
    return false;
  });
  assert.ok(least >= 8, `${least} were healthy at a time`);
  assert.ok(most <= 9, `${most} were there at a time`);
  assert.ok(oldest < 24 * HOUR_MS + 60_000, `one got ${oldest / HOUR_MS} hours old`);
  assert.deepEqual(
    it.world.instances().filter(({ id }) => first.has(id)),
    [],
  );
  const ages = recycled(it).map(({ ageMs }) => ageMs / HOUR_MS);
  assert.ok(Math.min(...ages) >= 18, 'too early');
  const times = recycled(it).map(({ at }) => at);
  const apart = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  assert.ok(apart.filter((ms) => ms > 5 * 60_000).length > apart.length / 2, 'they go one right after the other');
  assert.deepEqual(it.world.violations, []);
  it.fleets.close();
});

test('an age that is set for a fleet that is older replaces all of it, one after the other', async () => {
  const it = site();
  deploy(it, 'one', 5, {}, null);
  await it.run(3 * HOUR_MS);
  assert.equal(recycled(it).length, 0);
  deploy(it, 'one', 5, {}, 2 * HOUR_MS);
  await it.run(HOUR_MS);
  assert.equal(recycled(it).length, 5);
  assert.equal(healthy(it), 5);
  assert.deepEqual(it.world.violations, []);
  it.fleets.close();
});

test('during a rollout nothing is replaced for its age, and what was begun is left to the rollout', async () => {
  const it = site();
  const blueGreen = { strategy: { kind: 'blue-green' } } as const;
  it.world.behave(imageOf('one'), { kind: 'good', healthyAfterMs: 5000 });
  it.world.behave(imageOf('two'), { kind: 'good', healthyAfterMs: 5000 });
  deploy(it, 'one', 4, blueGreen, null);
  await it.run(3 * HOUR_MS);
  deploy(it, 'one', 4, blueGreen);
  assert.ok(await it.run(HOUR_MS, () => it.world.instances().length === 5), 'no replacement was begun');
  deploy(it, 'two', 4, blueGreen);
  assert.equal(it.fleets.state(FLEET).recycled, null);
  assert.ok(await it.run(HOUR_MS, () => it.fleets.state(FLEET).serving === 2));
  assert.equal(recycled(it).length, 1);
  await it.run(60_000);
  assert.deepEqual(
    it.world.instances().map(({ release }) => release.number),
    [2, 2, 2, 2],
  );
  assert.deepEqual(it.world.violations, []);
  it.fleets.close();
});

test('law 6: where no replacement becomes ready the old one stays, and it is tried again later', async () => {
  const it = site();
  deploy(it, 'one', 3, {}, null);
  await it.run(3 * HOUR_MS);
  it.world.behave(imageOf('one'), { kind: 'never' });
  deploy(it, 'one', 3);
  await it.run(HOUR_MS);
  const ends = it.journal.snapshot().filter(({ kind }) => kind === 'recycle.ended');
  assert.ok(ends.length >= 3 && ends.length <= 6, `${ends.length} attempts in an hour`);
  assert.ok(ends.every(({ data }) => (data as { outcome: string }).outcome === 'gave-up'));
  assert.equal(healthy(it), 3);
  it.world.behave(imageOf('one'), { kind: 'good', healthyAfterMs: 300 });
  await it.run(HOUR_MS);
  assert.equal(healthy(it), 3);
  assert.ok(it.world.instances().every(({ launchedAt }) => it.world.clock.now() - launchedAt < 2 * HOUR_MS));
  assert.deepEqual(it.world.violations, []);
  it.fleets.close();
});

test('what can not be started beside itself is left as it is', async () => {
  const it = site();
  deploy(it, 'one', 1, { singleWriter: true, strategy: { kind: 'recreate' } });
  await it.run(5 * HOUR_MS);
  assert.equal(recycled(it).length, 0);
  assert.deepEqual(it.world.violations, []);
  it.fleets.close();
});
