/** Many instances that fail at once: what Kiln does must not make it worse, and must be over soon once the cause is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fleetId, type EnvironmentName, type FleetId, type ServiceName } from '../../src/domain/ids.ts';
import { contentOf, FLEET, imageOf } from './releases.ts';
import { simulate, type Simulated } from './simulated.ts';

const MINUTE_MS = 60_000;
const IMAGE = imageOf('web');

function deploy({ fleets }: Simulated, size: number, fleet: FleetId = FLEET): void {
  const content = { ...contentOf(IMAGE, { keepMs: 0 }), fleet };
  fleets.deploy({ content, size, bounds: null, label: 'web', by: 'test' });
}

const healthy = ({ world }: Simulated): number => world.instances().filter(({ health }) => health.status === 'healthy').length;
const starting = ({ world }: Simulated): number => world.instances().filter(({ health }) => health.status === 'starting').length;
const launches = ({ journal }: Simulated): number =>
  journal.snapshot().filter(({ kind, data }) => kind === 'step.intent' && (data as { step: string }).step === 'launch').length;

/** Runs, and answers how many were starting at once at most. */
async function crowding(it: Simulated, limitMs: number, holds: () => boolean = () => false): Promise<number> {
  let most = 0;
  await it.run(limitMs, () => {
    most = Math.max(most, starting(it));
    return holds();
  });
  return most;
}

test('while what all of them need is down, one is tried now and then; once it is back, the fleet comes back in doublings', async () => {
  const it = simulate(1);
  it.fleets.start();
  deploy(it, 100);
  assert.ok(await it.run(10 * MINUTE_MS, () => healthy(it) === 100 && it.fleets.state(FLEET).rollout === null));
  const before = launches(it);
  // The dependency goes: all end, and what is launched anew ends as well.
  it.world.behave(IMAGE, { kind: 'exits', healthyAfterMs: 1_000_000, afterMs: 500 });
  for (const { id } of it.world.instances()) it.world.kill(id);
  const most = await crowding(it, 30 * MINUTE_MS);
  assert.ok(most <= 20, `${most} were starting at once`);
  assert.ok(launches(it) - before <= 100, `${launches(it) - before} launches in half an hour for nothing`);
  it.world.behave(IMAGE, { kind: 'good', healthyAfterMs: 1000 });
  const back = it.world.clock.now();
  await crowding(it, 10 * MINUTE_MS, () => healthy(it) === 100);
  const healedMs = it.world.clock.now() - back;
  assert.ok(healedMs < 1.5 * MINUTE_MS, `whole again after ${healedMs} ms`);
  assert.deepEqual(it.world.violations, []);
  it.fleets.close();
});

test('a lost instance of a small fleet is replaced at once, and so are all of them', async () => {
  const it = simulate(2);
  it.fleets.start();
  deploy(it, 3);
  assert.ok(await it.run(MINUTE_MS, () => healthy(it) === 3 && it.fleets.state(FLEET).rollout === null));
  for (const { id } of it.world.instances()) it.world.kill(id);
  await it.run(10);
  assert.equal(starting(it), 3);
  it.fleets.close();
});

/** Twenty services on a machine on which only so many instances can start at a time: with more, none gets healthy. */
async function overloaded(healing: number | undefined): Promise<number> {
  const it = simulate(3, { world: healing === undefined ? {} : { healing } });
  it.fleets.start();
  for (let index = 0; index < 20; index++) deploy(it, 4, fleetId(`s${index}` as ServiceName, 'sim' as EnvironmentName));
  assert.ok(await it.run(10 * MINUTE_MS, () => healthy(it) === 80));
  await it.run(MINUTE_MS);
  it.world.behave(IMAGE, { kind: 'crowded', healthyAfterMs: 1000, atMost: 10 });
  for (const { id } of it.world.instances()) it.world.kill(id);
  const from = it.world.clock.now();
  await it.run(5 * MINUTE_MS, () => healthy(it) === 80);
  it.fleets.close();
  return healthy(it) === 80 ? it.world.clock.now() - from : Number.POSITIVE_INFINITY;
}

test('an engine that can start only so many at a time is not asked for more, and all fleets heal', async () => {
  const healedMs = await overloaded(8);
  assert.ok(healedMs < MINUTE_MS, `whole again after ${healedMs} ms`);
  const unlimited = await overloaded(undefined);
  assert.ok(unlimited > 2 * healedMs, `without the limit it takes ${unlimited} ms: this test shows nothing`);
});
