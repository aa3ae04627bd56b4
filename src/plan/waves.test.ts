/** Which service comes when, and what stops the line: the whole of planWaves, against states of fleets made of a few words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import type { ReleaseContent } from '../domain/release.ts';
import { emptyFleet, type FleetState, type Rollout } from './state.ts';
import { foldWaves, planWaves, waitsFor, type AllWaves, type Waves, type WavesEvent } from './waves.ts';

const fleet = (name: string): FleetId => `${name}.local` as FleetId;
const release = (number: number): ReleaseNumber => number as ReleaseNumber;

/** db; then api and mail; then web. All of them serve r1. */
const ORDER = [
  ['db', 1, []],
  ['api', 2, ['db']],
  ['mail', 2, ['db']],
  ['web', 3, ['api']],
] as const;

const STARTED: WavesEvent = {
  kind: 'waves.started',
  folder: '/srv/shop',
  environment: 'local',
  by: 'ada',
  services: ORDER.map(([name, wave, dependsOn]) => ({
    fleet: fleet(name),
    wave,
    dependsOn: dependsOn.map(fleet),
    content: { fleet: fleet(name) } as unknown as ReleaseContent,
    size: 1,
    bounds: null,
    label: '',
    asked: release(1),
  })),
};

interface World {
  waves: Waves;
  readonly fleets: Map<FleetId, FleetState>;
}

function world(): World {
  const serving = (name: string): [FleetId, FleetState] => [fleet(name), { ...emptyFleet(fleet(name)), serving: release(1) }];
  return { waves: folded([STARTED]), fleets: new Map(ORDER.map(([name]) => serving(name))) };
}

function folded(events: readonly WavesEvent[]): Waves {
  const all = events.reduce<AllWaves>((state, event, index) => foldWaves(state, event, index + 7, 1000), new Map());
  const waves = all.get(7);
  assert.ok(waves);
  return waves;
}

const rolloutTo = (to: number, change: Partial<Rollout> = {}): Rollout =>
  ({ from: release(1), to: release(to), asked: release(to), phase: 'advancing', reason: 'deploy', ...change }) as Rollout;

const set = ({ fleets }: World, name: string, change: Partial<FleetState>): void =>
  void fleets.set(fleet(name), { ...emptyFleet(fleet(name)), serving: release(1), ...change });

/** Plans and folds until nothing comes any more; a service that is begun is on its way to r2. What was begun, in order. */
function settle(world: World): readonly string[] {
  const begun: string[] = [];
  for (let round = 0; round < 50; round++) {
    const steps = planWaves(world.waves, (id) => world.fleets.get(id) ?? null);
    if (steps.length === 0) return begun;
    for (const step of steps) {
      if (step.kind === 'begin') {
        const name = step.service.fleet.split('.')[0] ?? '';
        begun.push(name);
        set(world, name, { rollout: rolloutTo(2) });
      }
      const event: WavesEvent =
        step.kind === 'record'
          ? step.event
          : { kind: 'waves.rolling', waves: 7, fleet: step.service.fleet, release: release(2), created: true };
      const next = foldWaves(new Map([[7, world.waves]]), event, 99, 2000).get(7);
      assert.ok(next);
      world.waves = next;
    }
  }
  throw new Error('it never comes to rest');
}

const outcomes = ({ waves }: World): readonly string[] =>
  waves.services.map(({ fleet }) => waves.ended.get(fleet)?.outcome ?? (waves.rolling.has(fleet) ? 'rolling' : 'waiting'));

const serve = (world: World, name: string): void => set(world, name, { serving: release(2) });

test('a wave begins when all of the one before it serves, and not sooner', () => {
  const shop = world();
  assert.deepEqual(settle(shop), ['db']);
  assert.deepEqual(
    shop.waves.services.map((service) => waitsFor(shop.waves, service).map((id) => id)),
    [[], ['db.local'], ['db.local'], ['api.local']],
  );
  serve(shop, 'db');
  assert.deepEqual(settle(shop), ['api', 'mail']);
  serve(shop, 'api');
  assert.deepEqual(settle(shop), [], 'mail is in the way');
  serve(shop, 'mail');
  assert.deepEqual(settle(shop), ['web']);
  serve(shop, 'web');
  settle(shop);
  assert.deepEqual([outcomes(shop), shop.waves.stopped, shop.waves.finishedAt], [['done', 'done', 'done', 'done'], null, 2000]);
});

test('the first failure stops the line at once: what comes later is not touched, what is under way goes on to its end', () => {
  const shop = world();
  settle(shop);
  serve(shop, 'db');
  settle(shop);
  set(shop, 'api', { rollout: rolloutTo(1, { asked: release(2), phase: 'restoring', reason: 'three instances failed' }) });
  settle(shop);
  assert.match(shop.waves.stopped ?? '', /^api\.local: r2 is being rolled back \(three instances failed\)$/);
  assert.deepEqual(outcomes(shop), ['done', 'rolling', 'rolling', 'untouched']);
  serve(shop, 'mail');
  set(shop, 'api', { ended: { rollout: 1, to: release(1), asked: release(2), outcome: 'rolled-back', reason: 'three', at: 1 } });
  settle(shop);
  assert.deepEqual(outcomes(shop), ['done', 'failed', 'done', 'untouched']);
  assert.equal(shop.waves.finishedAt, 2000);
});

test('no state of a fleet leaves the line waiting for what can no longer come', () => {
  const cases: readonly (readonly [string, Partial<FleetState> | null, string, RegExp])[] = [
    ['db', { rollout: rolloutTo(1, { asked: release(2), phase: 'attention', reason: 'x' }) }, 'attention', /x/],
    ['db', { rollout: rolloutTo(3) }, 'failed', /somebody has moved it to r3/],
    ['db', { life: 'retiring' }, 'failed', /removed/],
    ['db', null, 'failed', /removed/],
    ['db', { serving: release(1) }, 'failed', /r2 was rolled back/],
  ];
  for (const [name, change, outcome, why] of cases) {
    const shop = world();
    settle(shop);
    if (change === null) shop.fleets.delete(fleet(name));
    else set(shop, name, change);
    settle(shop);
    assert.equal(shop.waves.ended.get(fleet(name))?.outcome, outcome);
    assert.match(shop.waves.stopped ?? '', why);
    assert.equal(shop.waves.finishedAt, 2000);
    assert.deepEqual(outcomes(shop).slice(1), ['untouched', 'untouched', 'untouched']);
  }
});

test('a fleet that somebody has moved meanwhile stops the line, whether it waits or is done', () => {
  const waiting = world();
  settle(waiting);
  set(waiting, 'web', { rollout: rolloutTo(4) });
  settle(waiting);
  assert.match(waiting.waves.stopped ?? '', /^web\.local: somebody has moved it to r4$/);

  const done = world();
  settle(done);
  serve(done, 'db');
  settle(done);
  set(done, 'db', { serving: release(2), rollout: rolloutTo(1) });
  settle(done);
  assert.match(done.waves.stopped ?? '', /^db\.local: somebody has moved it to r1$/);
});

test('while fleets are stopped nothing is begun, and nothing has failed', () => {
  const shop = world();
  settle(shop);
  set(shop, 'db', { serving: release(2), life: 'stopped' });
  assert.deepEqual([settle(shop), shop.waves.stopped], [[], null]);
  serve(shop, 'db');
  assert.deepEqual(settle(shop), ['api', 'mail']);
});
