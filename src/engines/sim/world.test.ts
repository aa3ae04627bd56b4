import assert from 'node:assert/strict';
import { test } from 'node:test';

import { groupId, instanceId, type InstanceId, type ReleaseNumber } from '../../domain/ids.ts';
import { contentOf, FLEET, imageOf, NO_CALL, releaseOf, type ReleaseTraits } from '../../../test/simulation/releases.ts';
import type { Endpoint, RoutingTable } from '../engine.ts';
import { CrashSignal, faultAt, HANG_MS, type Fault } from './faults.ts';
import { createSimWorld, type SimWorld } from './world.ts';

const GROUP = groupId(FLEET, 1 as ReleaseNumber);
const [A, B] = [instanceId(GROUP, 'aaaaaa'), instanceId(GROUP, 'bbbbbb')];
const releaseWith = (traits: ReleaseTraits) => releaseOf(1, contentOf(imageOf('web'), traits));
const RELEASE = releaseWith({});

async function worldWith(instances: readonly InstanceId[], release = RELEASE): Promise<SimWorld> {
  const world = createSimWorld({ seed: 1 });
  await world.runtime.ensureImage(release.content.image, NO_CALL);
  for (const id of instances) await world.runtime.launch(id, release, NO_CALL);
  return world;
}

function tableOf(world: SimWorld, endpoints: Readonly<Record<InstanceId, Endpoint['state']>>, weight = 10_000): RoutingTable {
  const listed = Object.entries(endpoints).map(([id, state]) => {
    const address = world.instances().find((each) => each.id === id)?.address ?? { host: '10.0.0.1', port: 1 };
    return { instance: id as InstanceId, address, state };
  });
  const { health, routing } = RELEASE.content;
  const listen = routing.listen ?? { host: '127.0.0.1', port: 1 };
  return { fleet: FLEET, listen, preview: null, canary: null, health, groups: [{ group: GROUP, weight, endpoints: listed }] };
}

/** Two healthy instances that serve all traffic. */
async function serving(): Promise<SimWorld> {
  const world = await worldWith([A, B]);
  await world.clock.advance(5000);
  await world.runtime.observe(NO_CALL);
  await world.balancer.apply(tableOf(world, { [A]: 'ready', [B]: 'ready' }), NO_CALL);
  return world;
}

const healthOf = async (world: SimWorld, id: InstanceId): Promise<string | undefined> =>
  (await world.runtime.observe(NO_CALL)).find((seen) => seen.id === id)?.health.status;

const laws = (world: SimWorld): readonly number[] => world.violations.map(({ law }) => law);

test('an instance starts, and is healthy after its image’s time', async () => {
  const world = await worldWith([A]);
  assert.equal(await healthOf(world, A), 'starting');
  await world.clock.advance(1000);
  assert.equal(await healthOf(world, A), 'healthy');
});

test('launch and remove can be called twice', async () => {
  const world = await worldWith([A, A]);
  assert.equal(world.instances().length, 1);
  await world.clock.finish(world.runtime.remove(A, NO_CALL));
  await world.runtime.remove(A, NO_CALL);
  assert.equal(world.instances().length, 0);
});

test('an image that was not ensured does not start', async () => {
  const world = createSimWorld({ seed: 1 });
  await assert.rejects(world.runtime.launch(A, RELEASE, NO_CALL), { code: 'IMAGE_NOT_FOUND' });
});

const healthAfter = async (behaviour: Parameters<SimWorld['behave']>[1], ms: number): Promise<string | undefined> => {
  const world = createSimWorld({ seed: 5 });
  world.behave(RELEASE.content.image, behaviour);
  await world.runtime.ensureImage(RELEASE.content.image, NO_CALL);
  await world.runtime.launch(A, RELEASE, NO_CALL);
  await world.clock.advance(ms);
  return healthOf(world, A);
};

test('each behaviour shows itself', async () => {
  assert.equal(await healthAfter({ kind: 'never' }, 9000), 'starting');
  assert.equal(await healthAfter({ kind: 'never' }, 10_001), 'unhealthy');
  assert.equal(await healthAfter({ kind: 'exits', healthyAfterMs: 9000, afterMs: 100 }, 200), 'exited');
  assert.equal(await healthAfter({ kind: 'mortal', healthyAfterMs: 10, lifeMs: 1000 }, 200), 'healthy');
  assert.equal(await healthAfter({ kind: 'mortal', healthyAfterMs: 10, lifeMs: 1000 }, 2000), 'exited');
  assert.equal(await healthAfter({ kind: 'flaps', healthyAfterMs: 10, upMs: 1000, downMs: 60_000 }, 2000), 'unhealthy');
});

test('law 3: an endpoint made ready before its instance was healthy is a breach', async () => {
  const world = await worldWith([A]);
  await world.runtime.observe(NO_CALL);
  await world.balancer.apply(tableOf(world, { [A]: 'ready' }), NO_CALL);
  assert.deepEqual(laws(world), [3]);
});

test('law 3: stopping what gets traffic is a breach, and so is stopping what has not drained', async () => {
  const routed = await serving();
  await routed.clock.finish(routed.runtime.remove(A, NO_CALL));
  assert.deepEqual(laws(routed), [3]);

  const world = await serving();
  await world.balancer.apply(tableOf(world, { [A]: 'drain', [B]: 'ready' }), NO_CALL);
  const sessions = async (): Promise<number> =>
    (await world.balancer.observe(FLEET, NO_CALL))?.endpoints.find(({ instance }) => instance === A)?.sessions ?? 0;
  if ((await sessions()) > 0) {
    await world.clock.finish(world.runtime.remove(A, NO_CALL));
    assert.deepEqual(laws(world), [3]);
  }
});

test('law 3: after the drain an instance may be stopped', async () => {
  const world = await serving();
  await world.balancer.apply(tableOf(world, { [A]: 'drain', [B]: 'ready' }), NO_CALL);
  await world.clock.advance(RELEASE.content.routing.drainMs);
  await world.clock.finish(world.runtime.remove(A, NO_CALL));
  assert.deepEqual(world.violations, []);
});

test('law 4: going below the floor is a breach when Kiln does it, and none when the world does', async () => {
  const world = await serving();
  world.setFloor(() => 2);
  world.kill(A);
  await world.runtime.observe(NO_CALL);
  await world.balancer.apply(tableOf(world, { [B]: 'ready' }), NO_CALL);
  assert.deepEqual(laws(world), []);
  await world.balancer.apply(tableOf(world, { [B]: 'drain' }), NO_CALL);
  assert.deepEqual(laws(world), [4]);
});

test('two instances with one single-writer volume are a breach', async () => {
  const world = await worldWith([A, B], releaseWith({ singleWriter: true }));
  assert.deepEqual(laws(world), [7]);
});

test('the load balancer comes back with its durable table', async () => {
  const world = await serving();
  world.killBalancer(1000);
  await assert.rejects(world.balancer.observe(FLEET, NO_CALL), { code: 'BALANCER_UNREACHABLE' });
  await assert.rejects(world.balancer.apply(tableOf(world, { [B]: 'ready' }), NO_CALL), { code: 'BALANCER_UNREACHABLE' });
  await world.clock.advance(1000);
  const seen = await world.balancer.observe(FLEET, NO_CALL);
  assert.deepEqual(seen?.weights, { [GROUP]: 10_000 });
  assert.deepEqual(
    seen?.endpoints.map(({ instance }) => instance),
    [B],
  );
});

const launched = async (fault: Fault): Promise<{ there: boolean; failed: boolean; tookMs: number }> => {
  const world = createSimWorld({ seed: 1, faults: faultAt(1, fault) });
  await world.runtime.ensureImage(RELEASE.content.image, NO_CALL);
  const before = world.clock.now();
  const call = world.runtime.launch(A, RELEASE, NO_CALL).then(
    () => false,
    () => true,
  );
  const failed = (await world.clock.finish(call)) === true;
  return { there: world.instances().length === 1, failed, tookMs: world.clock.now() - before };
};

test('faults: refused, lost and hanging calls throw; the effect is there or not as the fault says', async () => {
  assert.deepEqual(await launched('none'), { there: true, failed: false, tookMs: 0 });
  assert.deepEqual(await launched('twice'), { there: true, failed: false, tookMs: 0 });
  assert.deepEqual(await launched('fail-before'), { there: false, failed: true, tookMs: 0 });
  assert.deepEqual(await launched('fail-after'), { there: true, failed: true, tookMs: 0 });
  assert.deepEqual(await launched('half'), { there: true, failed: true, tookMs: 0 });
  assert.deepEqual(await launched('hang-before'), { there: false, failed: true, tookMs: HANG_MS });
  assert.deepEqual(await launched('hang-after'), { there: true, failed: true, tookMs: HANG_MS });
  const slow = await launched('slow');
  assert.ok(slow.there && !slow.failed && slow.tookMs >= 100);
});

test('after its crash a daemon reaches nothing any more, and the next one finds the world as it is', async () => {
  const world = await worldWith([A]);
  world.setFaults(faultAt(world.callCount(), 'crash-after'));
  await assert.rejects(world.runtime.launch(B, RELEASE, NO_CALL), CrashSignal);
  await assert.rejects(world.runtime.observe(NO_CALL), CrashSignal);
  const next = world.connect();
  assert.equal((await next.runtime.observe(NO_CALL)).length, 2);
});

test('an instance that was being stopped when the daemon crashed leaves a record behind', async () => {
  const world = await worldWith([A]);
  await world.clock.advance(1000);
  void world.runtime.remove(A, NO_CALL);
  const next = world.connect();
  await world.clock.advance(RELEASE.content.launch.stopGraceMs);
  assert.equal((await next.runtime.observe(NO_CALL))[0]?.health.status, 'exited');
  await next.runtime.remove(A, NO_CALL);
  assert.equal(world.instances().length, 0);
});

test('metrics count what came by group, failing where the instance lies', async () => {
  const world = createSimWorld({ seed: 2 });
  world.behave(RELEASE.content.image, { kind: 'lies', healthyAfterMs: 10 });
  await world.runtime.ensureImage(RELEASE.content.image, NO_CALL);
  await world.runtime.launch(A, RELEASE, NO_CALL);
  await world.clock.advance(100);
  await world.runtime.observe(NO_CALL);
  await world.balancer.apply(tableOf(world, { [A]: 'ready' }), NO_CALL);
  await world.clock.advance(1000);
  const [metrics] = await world.balancer.metrics(FLEET, NO_CALL);
  assert.equal(metrics?.requests, 100);
  assert.equal(metrics?.status['5xx'], 100);
});
