/** D11: what the load balancer was told survives its own death, its reloads and the daemon's. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { systemClock } from '../platform/clock.ts';
import { requires } from '../../test/requires.ts';
import type { Haproxy } from './haproxy.ts';
import { Master } from './master.ts';
import { relayName, trafficPaths } from './paths.ts';
import { CTX, fleetOfService, freePort, get, load, routed, send, table, until, World } from './testing/world.ts';

const fleet = fleetOfService('web');
const other = fleetOfService('other');

describe('the load balancer, killed and reloaded', requires('haproxy'), () => {
  let world: World;
  let balancer: Haproxy;
  let port: number;

  beforeEach(async () => {
    ({ world, balancer, port } = await World.withBalancer());
  });
  afterEach(() => world.end());

  const processes = async (): Promise<{ readonly master: number; readonly worker: number; readonly old: readonly number[] }> => {
    const paths = trafficPaths(world.home);
    const record = JSON.parse(await readFile(paths.process, 'utf8')) as { master: { pid: number } };
    const workers = await new Master(paths.master).workers();
    return { master: record.master.pid, worker: workers.current ?? 0, old: workers.old };
  };

  const answers = (): Promise<string> => get(port, '/').then(({ body }) => body, String);

  for (const victims of [['master'], ['worker'], ['master', 'worker']] as const) {
    test(`is back with the right routing, drains too, when ${victims.join(' and ')} were killed`, async () => {
      const [kept, draining] = [await world.app(fleet, 1), await world.app(fleet, 1)];
      const ready = routed(fleet, 1, 10_000, [kept]);
      const group = { ...ready, endpoints: [...ready.endpoints, ...routed(fleet, 1, 0, [draining], 'drain').endpoints] };
      // Without a reload: what the runtime API was told must come back.
      await balancer.apply(table(fleet, port, []), CTX);
      await balancer.apply(table(fleet, port, [group]), CTX);
      const before = await processes();
      for (const victim of victims) process.kill(before[victim], 'SIGKILL');
      await until('it answers again', answers, (body) => body === 'r1');
      const seen = await until(
        'it is observed',
        () => balancer.observe(fleet, CTX).catch(() => null),
        (each) => each !== null,
      );
      assert.deepEqual(seen?.weights, { 'web.local.r1': 10_000 });
      assert.deepEqual(
        seen?.endpoints.map(({ state, up }) => [state, up]),
        [
          ['ready', true],
          ['drain', true],
        ],
      );
      assert.notEqual((await processes()).master, before.master);
    });
  }

  test('counts go on from where they were when it was killed', async () => {
    const app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    for (let index = 0; index < 5; index += 1) await get(port, '/');
    assert.equal((await balancer.metrics(fleet, CTX))[0]?.requests, 5);
    const before = await processes();
    process.kill(before.master, 'SIGKILL');
    await until(
      'another one runs',
      () => processes().catch(() => before),
      ({ master }) => master !== before.master,
    );
    assert.equal((await get(port, '/')).body, 'r1');
    const requests = (await balancer.metrics(fleet, CTX))[0]?.requests;
    assert.equal(requests, 6);
  });

  test('a fleet is added, changed and removed under the load of another without a failed request', async () => {
    const [app, second] = [await world.app(fleet, 1), await world.app(other, 1)];
    const secondPort = await freePort();
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    const clients = load(port, 8);
    await balancer.apply(table(other, secondPort, [routed(other, 1, 10_000, [second])]), CTX);
    assert.equal((await get(secondPort, '/')).body, 'r1');
    const moved = await freePort();
    await balancer.apply(table(other, moved, [routed(other, 1, 10_000, [second])]), CTX);
    assert.equal((await get(moved, '/')).body, 'r1');
    await assert.rejects(get(secondPort, '/'), { code: 'ECONNREFUSED' });
    await balancer.remove(other, CTX);
    await assert.rejects(get(moved, '/'), { code: 'ECONNREFUSED' });
    const { failures, answers: given } = await clients.stop();
    assert.deepEqual(failures, []);
    assert.ok((given.get('r1') ?? 0) > 100);
  });

  test('the host that a fleet listens on can change while the port stays', async () => {
    const app = await world.app(fleet, 1);
    const groups = [routed(fleet, 1, 10_000, [app])];
    await balancer.apply(table(fleet, port, groups), CTX);
    const clients = load(port, 4);
    await balancer.apply(table(fleet, port, groups, { listen: { host: '0.0.0.0', port } }), CTX);
    assert.equal((await get(port, '/')).body, 'r1');
    assert.deepEqual((await clients.stop()).failures, []);
  });

  test('an address that another process has on the same port is refused before any worker is disturbed', async () => {
    const app = await world.app(fleet, 1);
    const groups = [routed(fleet, 1, 10_000, [app])];
    await balancer.apply(table(fleet, port, groups), CTX);
    const holder = createServer().listen(port, '127.0.0.2');
    await once(holder, 'listening');
    const clients = load(port, 4);
    for (const host of ['127.0.0.2', '0.0.0.0']) {
      const moved = table(fleet, port, groups, { listen: { host, port } });
      await assert.rejects(balancer.apply(moved, CTX), { code: 'PORT_IN_USE' });
    }
    holder.close();
    assert.deepEqual((await clients.stop()).failures, []);
  });

  test('a reload that fails is undone, and the next one works', async () => {
    const app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    const blocked = join(trafficPaths(world.home).jail, relayName(other));
    await mkdir(blocked);
    const groups = [routed(other, 1, 10_000, [await world.app(other, 1)])];
    const second = await freePort();
    await assert.rejects(balancer.apply(table(other, second, groups), CTX), { code: 'BALANCER_UNREACHABLE' });
    assert.equal(await balancer.observe(other, CTX), null);
    assert.deepEqual((await balancer.observe(fleet, CTX))?.weights, { 'web.local.r1': 10_000 });
    assert.equal((await get(port, '/')).body, 'r1');
    await rm(blocked, { recursive: true });
    await balancer.apply(table(other, second, groups), CTX);
    assert.equal((await get(second, '/')).body, 'r1');
  });

  test('a drain waits for what a worker before the reload still serves', async () => {
    const [app, second] = [await world.app(fleet, 1), await world.app(fleet, 2)];
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app]), routed(fleet, 2, 0, [second])]), CTX);
    const sessions = async (): Promise<number | undefined> =>
      (await balancer.observe(fleet, CTX))?.endpoints.find((each) => each.instance === app.endpoint.instance)?.sessions;
    const slow = send('POST', port, '/?hold');
    await until('it is in flight', sessions, (seen) => seen === 1);
    await balancer.apply(table(other, await freePort(), []), CTX);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 0, [app], 'drain'), routed(fleet, 2, 10_000, [second])]), CTX);
    assert.equal(await sessions(), 1, 'the request in the old worker counts');
    app.process.send('answer');
    assert.equal((await slow).body, 'r1');
    await until('the drain is over', sessions, (seen) => seen === 0);
  });

  test('a kept connection of a worker that leaves is served by the routing of now', async () => {
    const [app, second] = [await world.app(fleet, 1), await world.app(fleet, 2)];
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    const agents = ['GET', 'POST'].map((method) => ({ method, agent: new Agent({ keepAlive: true, maxSockets: 1 }) }));
    for (const { agent } of agents) assert.equal((await get(port, '/', agent)).body, 'r1');
    await balancer.apply(table(other, await freePort(), []), CTX);
    assert.equal((await processes()).old.length, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 2, 10_000, [second])]), CTX);
    app.process.kill('SIGKILL');
    for (const { method, agent } of agents) {
      assert.equal((await send(method, port, '/', agent)).body, 'r2', method);
      agent.destroy();
    }
    await until('the old worker ends', processes, ({ old }) => old.length === 0);
  });

  test('a daemon that restarts adopts it: the same process, no failed request, the same counts', async () => {
    const app = await world.app(fleet, 1);
    const wanted = table(fleet, port, [routed(fleet, 1, 10_000, [app])]);
    await balancer.apply(wanted, CTX);
    const before = await processes();
    const clients = load(port, 4);
    await balancer.close();
    const adopter = await world.balancer();
    await adopter.apply(wanted, CTX);
    const counted = (await adopter.metrics(fleet, CTX))[0]?.requests ?? 0;
    const { failures, answers: given } = await clients.stop();
    assert.deepEqual(failures, []);
    assert.deepEqual(await processes(), before);
    const total = (await adopter.metrics(fleet, CTX))[0]?.requests ?? 0;
    assert.equal(total, given.get('r1'));
    assert.ok(counted <= total);
  });

  test('an adopted one is watched: killed, it is back', async () => {
    const app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    await balancer.close();
    await world.balancer();
    process.kill((await processes()).master, 'SIGKILL');
    await until('it answers again', answers, (body) => body === 'r1');
  });

  test('one that died while the daemon was down is started with the routing as it was, whatever else was damaged', async () => {
    const app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    await balancer.close();
    const { master, worker } = await processes();
    for (const pid of [master, worker]) process.kill(pid, 'SIGKILL');
    const paths = trafficPaths(world.home);
    for (const file of [paths.config, paths.process, paths.metrics]) await writeFile(file, 'torn');
    await world.balancer();
    await until('it answers again', answers, (body) => body === 'r1');
  });

  test('one whose record was lost is found by its socket', async () => {
    const app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    await balancer.close();
    const { master } = await processes();
    await rm(trafficPaths(world.home).process);
    await world.balancer();
    assert.equal((await get(port, '/')).body, 'r1');
    assert.equal((await processes()).master, master);
  });

  test('one whose home was removed is found by its command line and ended', async () => {
    await balancer.apply(table(fleet, port, []), CTX);
    const { master, worker } = await processes();
    await balancer.close();
    await rm(world.home.root, { recursive: true });
    await mkdir(world.home.root);
    balancer = await world.balancer();
    for (const pid of [master, worker]) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });

  test('a removed fleet frees its port, the last one ends the process; both again are success', async () => {
    await balancer.apply(table(fleet, port, []), CTX);
    const { master } = await processes();
    await balancer.remove(fleet, CTX);
    await balancer.remove(fleet, CTX);
    assert.equal(await balancer.observe(fleet, CTX), null);
    await assert.rejects(get(port, '/'), { code: 'ECONNREFUSED' });
    assert.throws(() => process.kill(master, 0), { code: 'ESRCH' });
    await balancer.apply(table(fleet, port, []), CTX);
    assert.equal((await get(port, '/')).status, 503);
  });

  test('nobody but its owner can talk to it or read its files', async () => {
    await balancer.apply(table(fleet, port, []), CTX);
    const paths = trafficPaths(world.home);
    for (const file of [paths.master, paths.stats, paths.config, paths.state, paths.process]) {
      assert.equal((await stat(file)).mode & 0o777, 0o600, file);
    }
  });

  test('one that does not answer is BALANCER_UNREACHABLE, not half an answer', async () => {
    await balancer.apply(table(fleet, port, []), CTX);
    const { master } = await processes();
    process.kill(master, 'SIGSTOP');
    try {
      await assert.rejects(balancer.observe(fleet, CTX), { code: 'BALANCER_UNREACHABLE' });
    } finally {
      process.kill(master, 'SIGCONT');
    }
  });

  test('one that is stuck for long is replaced', async () => {
    await balancer.close();
    const hasty = { ...systemClock, sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal) };
    balancer = await world.balancer(hasty);
    await balancer.apply(table(fleet, port, []), CTX);
    const before = await processes();
    for (const pid of [before.master, before.worker]) process.kill(pid, 'SIGSTOP');
    await until(
      'another one runs',
      () => processes().catch(() => before),
      ({ master }) => master !== before.master,
      30_000,
    );
    assert.equal((await get(port, '/')).status, 503);
  });
});
