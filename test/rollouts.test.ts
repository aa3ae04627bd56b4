/** Whole rollouts on the simulated engine, one of each kind, as a person would tell them. Properties are in simulation/. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ReleaseNumber } from '../src/domain/ids.ts';
import type { Strategy } from '../src/domain/release.ts';
import { FLEET, imageOf } from './simulation/releases.ts';
import { site, type Site } from './site.ts';

const rolling: Strategy = { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: null };
const canary: Strategy = {
  kind: 'canary',
  steps: [
    { weight: 500, holdMs: 5000 },
    { weight: 5000, holdMs: 5000 },
  ],
  judge: { maxErrors: null, maxSlowdown: 1.05, maxLatency: [], settleMs: 1000, waitMs: 60_000, unsure: 'roll-back' },
};
for (const strategy of [rolling, { kind: 'blue-green' }, canary, { kind: 'recreate' }] as const satisfies readonly Strategy[]) {
  test(`${strategy.kind}: the second release replaces the first, then a rollback restores it`, async () => {
    const it = site();
    it.deploy('v1', { strategy });
    await it.until('r1 serves', () => it.serves(1));
    it.deploy('v2', { strategy });
    await it.until('r2 serves', () => it.serves(2));
    assert.equal(it.running()['r2'], 3);
    assert.deepEqual(it.world.routing(FLEET)?.groups.find((group) => group.weight > 0)?.group, 'web.sim.r2');
    await it.fleets.command(FLEET, { kind: 'rollback', to: null }, 'test');
    await it.until('r1 serves again', () => it.serves(1));
    assert.equal(it.running()['r1'], 3);
    assert.deepEqual(it.world.violations, []);
  });

  test(`${strategy.kind}: a release that is never healthy is rolled back and leaves nothing`, async () => {
    const it = site();
    it.world.behave(imageOf('bad'), { kind: 'never' });
    it.deploy('v1', { strategy });
    await it.until('r1 serves', () => it.serves(1));
    it.deploy('bad', { strategy });
    await it.until('the rollout is over', () => it.fleets.state(FLEET).ended?.outcome === 'rolled-back');
    assert.equal(it.fleets.state(FLEET).serving, 1);
    await it.until('nothing of r2 is left', () => it.running()['r2'] === undefined);
    assert.equal(it.running()['r1'], 3);
    assert.deepEqual(it.world.violations, []);
  });
}

test('rolling by checkpoints: it stands still at each, the last until somebody promotes', async () => {
  const it = site();
  const strategy: Strategy = {
    ...rolling,
    checkpoints: [
      { percent: 25, holdMs: 10_000 },
      { percent: 75, holdMs: null },
    ],
  };
  it.deploy('v1', { strategy }, 4);
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v2', { strategy }, 4);
  const { clock } = it.world;
  const passed = (): number | undefined => it.fleets.state(FLEET).rollout?.checkpoints.passed;
  await it.until('25 %', () => it.fleets.state(FLEET).rollout?.checkpoints.reachedAt !== null);
  const reached = clock.now();
  await it.until('three of r1 are left', () => it.running()['r1'] === 3);
  assert.deepEqual([it.running()['r2'], shares(it).toSorted((a, b) => a - b)], [1, [2500, 7500]]);
  await it.until('25 % is over', () => passed() === 1);
  assert.ok(clock.now() - reached >= 10_000);
  await it.until('75 %', () => it.running()['r2'] === 3 && it.running()['r1'] === 1);
  await clock.advance(3_600_000);
  await it.fleets.tickAll();
  assert.deepEqual([it.running()['r1'], it.running()['r2']], [1, 3]);
  await it.fleets.command(FLEET, { kind: 'promote', past: 'step' }, 'test');
  await it.until('r2 serves', () => it.serves(2));
  assert.deepEqual(it.world.violations, []);
});

test('a checkpoint that nobody promotes for a day is rolled back', async () => {
  const it = site();
  const strategy: Strategy = { ...rolling, checkpoints: [{ percent: 100, holdMs: null }] };
  it.deploy('v1', { strategy });
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v2', { strategy });
  await it.until('all of it is new', () => it.running()['r2'] === 3 && shares(it).length === 1);
  await it.until('it stands', () => it.fleets.state(FLEET).rollout?.checkpoints.reachedAt !== null);
  await it.world.clock.advance(25 * 3_600_000);
  await it.until('r1 serves again', () => it.serves(1));
  assert.match(it.fleets.state(FLEET).ended?.reason ?? '', /no progress until its deadline/);
  assert.deepEqual(it.world.violations, []);
});

const kinds = ({ journal }: Site): readonly string[] => journal.snapshot().map(({ kind }) => kind);
const shares = ({ world }: Site): readonly number[] =>
  (world.routing(FLEET)?.groups ?? []).map(({ weight }) => weight).filter((weight) => weight > 0);

test('canary: each step has its share, is judged, and the canary becomes the fleet', async () => {
  const it = site();
  it.deploy('v1', { strategy: canary });
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v2', { strategy: canary }, 10);
  await it.until('5 %', () => shares(it).includes(500));
  assert.deepEqual([it.running()['r1'], it.running()['r2']], [10, 1]);
  const first = it.world.instances().find(({ id }) => id.includes('.r2.'));
  await it.until('50 %', () => shares(it).includes(5000));
  assert.deepEqual([it.running()['r1'], it.running()['r2']], [10, 5]);
  await it.until('r2 serves', () => it.serves(2));
  assert.equal(kinds(it).filter((kind) => kind === 'canary.passed').length, 2);
  assert.ok(
    it.world.instances().some(({ id }) => id === first?.id),
    'what was tested is what serves',
  );
  assert.deepEqual(it.world.violations, []);
});

test('canary: a release that answers its probe and fails its requests is judged, and the fleet never left', async () => {
  const it = site();
  it.world.behave(imageOf('liar'), { kind: 'lies', healthyAfterMs: 100 });
  it.deploy('v1', { strategy: canary });
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('liar', { strategy: canary });
  await it.until('the rollout is over', () => it.fleets.state(FLEET).ended?.outcome === 'rolled-back');
  assert.match(it.fleets.state(FLEET).ended?.reason ?? '', /the judge failed r2 at 5 %: errors: 100 % against 0 %/);
  assert.equal(kinds(it).includes('canary.passed'), false);
  assert.equal(it.running()['r1'], 3);
  assert.deepEqual(it.world.violations, []);
});

test('canary: a step that waits for a person goes on when promoted, and is rolled back after a day', async () => {
  const it = site();
  const strategy: Strategy = { kind: 'canary', steps: [{ weight: 2000, holdMs: null }], judge: null };
  it.deploy('v1', { strategy });
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v2', { strategy });
  await it.until('20 %', () => it.fleets.state(FLEET).rollout?.canary.window != null);
  const { plan } = it.fleets.fleet(FLEET).last ?? {};
  assert.match(plan?.waits[0]?.what ?? '', /step 1 of 1 at 20 %: somebody to promote it/);
  await it.world.clock.advance(23 * 3_600_000);
  await it.fleets.tickAll();
  assert.equal(it.fleets.state(FLEET).rollout?.phase, 'advancing');
  await it.fleets.command(FLEET, { kind: 'promote', past: 'step' }, 'test');
  await it.until('r2 serves', () => it.serves(2));
  it.deploy('v3', { strategy });
  await it.until('20 % again', () => it.fleets.state(FLEET).rollout?.canary.window != null);
  await it.world.clock.advance(25 * 3_600_000);
  await it.until('it is rolled back', () => it.fleets.state(FLEET).ended?.outcome === 'rolled-back');
});

test('blue-green: a rollback while blue is warm switches at once and launches nothing', async () => {
  const it = site();
  it.deploy('v1', { strategy: { kind: 'blue-green' } });
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v2', { strategy: { kind: 'blue-green' } });
  await it.until('r2 serves', () => it.serves(2));
  const before = it.world.clock.now();
  await it.fleets.command(FLEET, { kind: 'rollback', to: 1 as ReleaseNumber }, 'test');
  assert.equal(it.world.routing(FLEET)?.groups.find((group) => group.weight === 10_000)?.group, 'web.sim.r1');
  assert.equal(it.world.clock.now(), before);
});

test('the same deploy twice does nothing the second time', async () => {
  const it = site();
  it.deploy('v1');
  await it.until('r1 serves', () => it.serves(1));
  const entries = it.journal.snapshot().length;
  it.deploy('v1');
  await it.fleets.tickAll();
  assert.equal(it.journal.snapshot().length, entries);
});

test('an instance that dies is replaced by one of the same release', async () => {
  const it = site();
  it.deploy('v1');
  await it.until('r1 serves', () => it.serves(1));
  const [victim] = it.world.instances();
  assert.ok(victim);
  it.world.kill(victim.id);
  await it.until('three others', () => it.running()['r1'] === 3 && it.world.instances().every((each) => each.id !== victim.id));
});

test('a warm group goes when its window has passed', async () => {
  const it = site();
  it.deploy('v1', { keepMs: 60_000 });
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('v2', { keepMs: 60_000 });
  await it.until('r2 serves', () => it.serves(2));
  await it.until('r1 is gone', () => it.running()['r1'] === undefined);
  assert.deepEqual(it.fleets.state(FLEET).warm, []);
});

test('a removed fleet leaves nothing', async () => {
  const it = site();
  it.deploy('v1');
  await it.until('r1 serves', () => it.serves(1));
  await it.fleets.command(FLEET, { kind: 'retire' }, 'test');
  await it.until('the fleet is gone', () => it.fleets.list().length === 0);
  assert.deepEqual(it.running(), {});
  assert.equal(it.world.routing(FLEET), undefined);
});

test('a release whose instances die right after they were healthy never counts as deployed', async () => {
  const it = site();
  it.world.behave(imageOf('short-lived'), { kind: 'exits', healthyAfterMs: 300, afterMs: 700 });
  const strategy = { kind: 'blue-green' } as const;
  it.deploy('v1', { strategy }, 1);
  await it.until('r1 serves', () => it.serves(1));
  it.deploy('short-lived', { strategy }, 1);
  await it.until('the rollout is over', () => {
    assert.equal(it.fleets.state(FLEET).serving, 1);
    return it.fleets.state(FLEET).ended?.outcome === 'rolled-back';
  });
  assert.deepEqual(it.world.violations, []);
});

test('a service whose first rollout failed listens nowhere', async () => {
  const it = site();
  it.world.behave(imageOf('bad'), { kind: 'never' });
  it.deploy('bad');
  await it.until('the rollout is over', () => it.fleets.state(FLEET).ended?.outcome === 'rolled-back');
  assert.deepEqual([it.running(), it.world.routing(FLEET)], [{}, undefined]);
});

test('failures from before a rollback do not count against it: the way back is as good as it was', async () => {
  const here = site();
  const { world, fleets } = here;
  const state = () => fleets.state(FLEET);
  here.deploy('one', { strategy: rolling });
  await here.until('r1 serves', () => state().rollout === null && state().serving === 1);
  for (let killed = 0; killed < 3; killed++) {
    const victim = world.instances()[0];
    assert.ok(victim);
    world.kill(victim.id);
    const others = () => world.instances().filter(({ id, reportedHealthy }) => id !== victim.id && reportedHealthy);
    await here.until('it is healed', () => others().length === 3 && world.instances().length === 3);
  }
  here.deploy('two', { strategy: rolling });
  await here.until('r2 serves', () => state().rollout === null && state().serving === 2);
  fleets.fleet(FLEET).command({ kind: 'rollback', to: null }, 'test');
  await here.until('the rollback is over', () => state().rollout === null);
  assert.deepEqual([state().serving, state().ended?.outcome], [1, 'done']);
});
