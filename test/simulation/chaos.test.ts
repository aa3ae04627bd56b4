/** Experiments: what is killed, what is not, how it ends, and that nobody is blamed for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GOOD, type Behaviour } from '../../src/engines/sim/behaviour.ts';
import { KilnError } from '../../src/errors/error.ts';
import type { ChaosRequest, Kill } from '../../src/plan/chaos.ts';
import { NO_CALL as CALL, contentOf, FLEET, imageOf } from './releases.ts';
import { simulate, type Simulated } from './simulated.ts';

const HOUR_MS = 3_600_000;
const ask = (kill: Kill, more: Partial<ChaosRequest> = {}): ChaosRequest => ({
  kill,
  seed: 7,
  forced: false,
  by: 'ada',
  ...more,
});
const isRefused =
  (why: RegExp) =>
  (error: unknown): boolean =>
    error instanceof KilnError && error.code === 'CHAOS_REFUSED' && why.test(error.message);

function deploy({ world, fleets }: Simulated, name: string, size: number, behaviour: Behaviour = GOOD): void {
  const content = contentOf(imageOf(name), { keepMs: 0 });
  world.behave(content.image, behaviour);
  fleets.deploy({ content, size, bounds: { min: 2, max: size }, label: name, by: 'test' });
}

/** A fleet at rest, its loops running. */
async function resting(size = 5): Promise<Simulated> {
  const it = simulate(1);
  it.fleets.start();
  deploy(it, 'one', size);
  assert.ok(await it.run(HOUR_MS, () => it.fleets.state(FLEET).serving === 1));
  return it;
}

const begin = ({ world, fleets }: Simulated, request: ChaosRequest) => world.clock.finish(fleets.chaos(FLEET, request));
const kinds = ({ journal }: Simulated): readonly string[] => journal.snapshot().map(({ kind }) => kind);
const endOf = ({ journal }: Simulated) =>
  journal.snapshot().findLast(({ kind }) => kind === 'chaos.ended')?.data as
    | { outcome: string; killed: number; tookMs: number }
    | undefined;

async function untilEnded(it: Simulated) {
  assert.ok(await it.run(HOUR_MS, () => it.fleets.state(FLEET).experiment === null));
  return endOf(it);
}

test('its victims are killed and replaced, and it says how long that took; nothing is braked, nothing counts as a failure', async () => {
  const it = await resting();
  for (let round = 1; round <= 5; round++) {
    const { victims, healthy, left, floor, objections } = (await begin(it, ask({ count: 3 }, { seed: round }))) ?? assert.fail();
    assert.deepEqual([victims.length, healthy, left, floor, objections], [3, 5, 2, 2, []]);
    const end = await untilEnded(it);
    assert.equal(end?.outcome, 'whole');
    assert.equal(end.killed, 3);
    assert.ok(end.tookMs > 0 && end.tookMs < 3000, `${end.tookMs} ms`);
  }
  const [group] = (await it.engine.observe(FLEET, CALL)).groups;
  assert.equal(group?.failures, 0);
  assert.equal(group.brakedUntil, null);
  assert.ok(!kinds(it).includes('instance.failed'));
  it.fleets.close();
});

test('the same seed takes the same ones, another seed others, a share is rounded down, and one by name is that one', async () => {
  const it = await resting();
  const plan = async (kill: Kill, seed = 7) =>
    (await it.world.clock.finish(it.fleets.planChaos(FLEET, ask(kill, { seed })))) ?? assert.fail();
  const taken = await Promise.all([1, 2, 3, 4, 5, 6].map(async (seed) => (await plan({ count: 2 }, seed)).victims.join()));
  assert.deepEqual((await plan({ count: 2 }, 3)).victims.join(), taken[2]);
  assert.ok(new Set(taken).size > 2);
  assert.equal((await plan({ percent: 50 })).victims.length, 2);
  assert.equal((await plan({ percent: 1 })).victims.length, 1);
  const [one] = it.world.instances();
  const named = await plan({ instance: one?.id.split('.').slice(2).join('.') ?? '' });
  assert.deepEqual(named.victims, [one?.id]);
  assert.equal(named.seed, null);
  assert.ok(!kinds(it).includes('chaos.begun'), 'a plan changes nothing');
  await assert.rejects(plan({ instance: 'r1.zzzzzz' }), /no healthy instance/);
  it.fleets.close();
});

test('what would leave too few, or comes in the middle of something, is refused; force overrules that and is kept', async () => {
  const it = await resting();
  await assert.rejects(begin(it, ask({ count: 4 })), isRefused(/1 of 5 healthy instances would be left, and 2 is the least/));
  await assert.rejects(begin(it, ask({ count: 6 }, { forced: true })), isRefused(/6 cannot be killed of 5/));
  assert.ok(!kinds(it).includes('chaos.begun'));
  const forced = await begin(it, ask({ count: 4 }, { forced: true }));
  assert.equal(forced?.objections.length, 1);
  await assert.rejects(begin(it, ask({ count: 1 }, { forced: true })), isRefused(/another experiment/));
  assert.equal((await untilEnded(it))?.killed, 4);
  deploy(it, 'two', 5, { kind: 'good', healthyAfterMs: 4000 });
  await it.run(1000);
  await assert.rejects(begin(it, ask({ count: 1 })), isRefused(/a rollout to r2 is under way/));
  await begin(it, ask({ count: 1 }, { forced: true }));
  assert.ok(await it.run(HOUR_MS, () => it.fleets.state(FLEET).rollout === null));
  assert.equal(it.fleets.state(FLEET).serving, 2, 'the release is not blamed');
  it.fleets.close();
});

test('a fleet that does not heal is told as late, and the kills of a daemon that died are not made up for', async () => {
  const it = await resting();
  it.world.behave(imageOf('one'), { kind: 'never' });
  await begin(it, ask({ count: 2 }));
  assert.equal((await untilEnded(it))?.outcome, 'late');
  it.fleets.close();

  const other = await resting();
  other.world.setFaults({ draw: ({ verb }) => (verb === 'kill' ? 'fail-before' : 'none') });
  await begin(other, ask({ count: 2 }));
  const end = await untilEnded(other);
  assert.deepEqual([end?.outcome, end?.killed], ['spared', 0]);
  assert.equal(other.world.instances().filter(({ health }) => health.status === 'healthy').length, 5);
  other.fleets.close();
});
