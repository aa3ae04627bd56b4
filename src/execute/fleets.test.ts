import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FleetId } from '../domain/ids.ts';
import { contentOf, FLEET, imageOf } from '../../test/simulation/releases.ts';
import { simulate, type Held, type Simulated } from '../../test/simulation/simulated.ts';

const HOUR_MS = 3_600_000;

interface Resting {
  readonly it: Simulated;
  /** Which fleet was looked at, for each look. */
  readonly looks: FleetId[];
}

/** A fleet that has come to rest. */
async function resting(size: number): Promise<Resting> {
  const looks: FleetId[] = [];
  const it = simulate(1, { held: (world) => watched(world, looks) });
  it.fleets.start();
  await deploy(it, FLEET, size);
  return { it, looks };
}

const watched = ({ runtime, balancer }: Held, looks: FleetId[]): Held => ({
  balancer,
  runtime: {
    ...runtime,
    observe: (ctx, fleet) => {
      if (fleet !== undefined) looks.push(fleet);
      return runtime.observe(ctx, fleet);
    },
  },
});

async function deploy(it: Simulated, fleet: FleetId, size: number): Promise<void> {
  it.fleets.deploy({ content: { ...contentOf(imageOf('one')), fleet }, size, bounds: null, label: 'one', by: 'test' });
  assert.ok(await it.run(HOUR_MS, () => it.fleets.state(fleet).rollout === null && it.fleets.state(fleet).serving === 1));
  await it.run(60_000);
}

test('a fleet at rest is looked at twice a minute, and at once when something changes', async () => {
  const { it, looks } = await resting(3);
  looks.length = 0;
  await it.run(HOUR_MS);
  assert.ok(looks.length <= 130, `${looks.length} looks in an hour at rest`);
  const [one] = it.world.instances();
  assert.ok(one);
  it.world.kill(one.id);
  const healed = await it.run(5000, () => it.world.instances().every(({ health }) => health.status !== 'exited'));
  assert.ok(healed, 'the death of an instance was not seen until the next look');
  it.fleets.close();
});

test('of a large fleet what changes within a moment is one look', async () => {
  const { it, looks } = await resting(400);
  looks.length = 0;
  for (const { id } of it.world.instances()) it.world.kill(id);
  await it.run(HOUR_MS, () => it.world.instances().filter(({ health }) => health.status === 'healthy').length === 400);
  assert.ok(looks.length < 300, `${looks.length} looks for 400 deaths and 400 launches`);
  it.fleets.close();
});

test('what changes in one fleet wakes no other', async () => {
  const { it, looks } = await resting(1);
  const other = 'api.sim' as FleetId;
  await deploy(it, other, 1);
  const one = it.world.instances().find(({ fleet }) => fleet === other);
  assert.ok(one);
  looks.length = 0;
  it.world.kill(one.id);
  await it.run(1000);
  assert.deepEqual([...new Set(looks)], [other]);
  it.fleets.close();
});
