/** Copies of requests on the real HAProxy: what is copied, where it is counted, and that no client ever waits for a copy. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { groupId, type ReleaseNumber } from '../domain/ids.ts';
import type { GroupMetrics } from '../engines/engine.ts';
import type { Haproxy } from './haproxy.ts';
import { CTX, fleetOfService, freePort, get, load, routed, send, table, until, World, type App } from './testing/world.ts';

const fleet = fleetOfService('web');
const group = groupId(fleet, 2 as ReleaseNumber);

describe('a mirror', requires('haproxy'), () => {
  let world: World;
  let balancer: Haproxy;
  let port: number;
  let old: App;

  beforeEach(async () => {
    ({ world, balancer, port } = await World.withBalancer());
    old = await world.app(fleet, 1);
  });
  afterEach(() => world.end());

  const mirrorTo = (canary: readonly App[], mirror = 10_000): Promise<void> => {
    const rule = mirror === 0 ? null : { group, sticky: null, matches: [], mirror };
    return balancer.apply(
      table(fleet, port, [routed(fleet, 1, 10_000, [old]), routed(fleet, 2, 0, canary)], { canary: rule }),
      CTX,
    );
  };
  const metrics = async (): Promise<readonly [GroupMetrics, GroupMetrics]> => {
    const [ofOld, ofCanary] = await balancer.metrics(fleet, CTX);
    assert.ok(ofOld !== undefined && ofCanary !== undefined);
    return [ofOld, ofCanary];
  };
  const copies = (count: number): Promise<GroupMetrics> =>
    until(
      `${count} copies are answered`,
      async () => (await metrics())[1],
      ({ mirrored }) => mirrored.requests >= count,
    );

  test('the canary gets what the client sent, and says nothing to it; safe requests without a body only', async () => {
    const canary = await world.app(fleet, 2);
    await mirrorTo([canary]);
    const agent = new Agent({ keepAlive: true });
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE']) {
      const { status, body } = await send(method, port, `/?id=${method}`, agent, { 'x-a': '1' });
      assert.deepEqual([status, body], [200, method === 'HEAD' ? '' : 'r1']);
    }
    await get(port, '/?id=body', agent, { 'content-length': '0' });
    agent.destroy();
    await copies(3);
    assert.deepEqual(await canary.reached(), { GET: 1, HEAD: 1, OPTIONS: 1 });
    const [ofOld, ofCanary] = await metrics();
    assert.deepEqual([ofOld.requests, ofOld.mirrored.requests], [7, 0]);
    assert.deepEqual([ofCanary.requests, ofCanary.safe.requests, ofCanary.mirrored.status['2xx']], [0, 0, 3]);
  });

  test('the copy names its client, and that it is one', async () => {
    const canary = await world.app(fleet, 2);
    await mirrorTo([canary]);
    await get(port, '/headers', undefined, { 'x-a': ['1', '2'], cookie: 'a=1; b=2', 'x-canary': 'ä' });
    await copies(1);
    const copied = (await canary.last()) ?? {};
    assert.deepEqual(
      [copied['x-a'], copied['cookie'], copied['x-forwarded-for'], copied['x-kiln-mirror'], copied['host']],
      ['1, 2', 'a=1; b=2', '127.0.0.1', 'yes', `127.0.0.1:${port}`],
    );
  });

  test("errors of the canary are counted as copies' and never as clients'", async () => {
    const canary = await world.app(fleet, 2);
    await mirrorTo([canary]);
    for (const status of [200, 404, 500]) await get(port, `/?status=${status}`);
    await copies(3);
    const [ofOld, ofCanary] = await metrics();
    assert.deepEqual([ofOld.status['5xx'], ofOld.status.failed], [1, 0]);
    assert.deepEqual(ofCanary.mirrored.status, { '1xx': 0, '2xx': 1, '3xx': 0, '4xx': 1, '5xx': 1, failed: 0 });
    assert.equal(ofCanary.requests, 0);
  });

  for (const [what, delayMs] of [
    ['hangs', 60_000],
    ['is slow', 300],
    ['is dead', null],
  ] as const) {
    test(`a canary that ${what} neither fails nor slows a client`, async () => {
      const canary = await world.app(fleet, 2, 60_000, delayMs ?? 0);
      await mirrorTo([canary]);
      if (delayMs === null) canary.process.kill('SIGKILL');
      const startedAt = performance.now();
      const { failures, answers, done } = load(port, 8, 800);
      await done;
      assert.deepEqual(failures, []);
      assert.deepEqual([...answers.keys()], ['r1']);
      assert.ok(performance.now() - startedAt < 20_000, 'clients waited for the canary');
      const [ofOld] = await metrics();
      assert.deepEqual([ofOld.requests, ofOld.status.failed], [800, 0]);
      const { requests, mirrored } = await copies(1);
      assert.equal(requests, 0);
      if (delayMs !== 300) assert.equal(mirrored.status.failed, mirrored.requests);
      if (delayMs === null) return;
      assert.ok(mirrored.requests < 400, 'what is too much is not copied');
    });
  }

  test('ends at once, and goes on after a reload and with its share only', async () => {
    const canary = await world.app(fleet, 2);
    await mirrorTo([canary], 2_500);
    const ask = async (from: number): Promise<void> => {
      for (let id = from; id < from + 200; id += 1) await get(port, `/?id=${id}`);
    };
    await ask(0);
    await balancer.apply(table(fleetOfService('other'), await freePort(), []), CTX);
    await ask(200);
    await copies(50);
    const before = (await metrics())[1].mirrored.requests;
    assert.ok(before > 50 && before < 150, `${before} copies of 400 at 25 %`);
    await mirrorTo([canary], 0);
    const reached = Object.keys(await canary.reached()).length;
    await ask(400);
    assert.equal(Object.keys(await canary.reached()).length, reached);
  });
});
