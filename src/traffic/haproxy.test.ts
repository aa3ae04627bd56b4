/** The real HAProxy under real load: routing, switching, draining. Crashes and reloads are in haproxy.crash.test.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { FleetId } from '../domain/ids.ts';
import type { Health } from '../domain/release.ts';
import type { EndpointObservation } from '../engines/engine.ts';
import type { Haproxy } from './haproxy.ts';
import {
  CTX,
  fleetOfService,
  freePort,
  get,
  HEALTH,
  load,
  routed,
  send,
  table,
  until,
  webSocket,
  World,
  type App,
} from './testing/world.ts';

const fleet = fleetOfService('web');

/** Its loopback, as the kernel lists it. */
const HAS_IPV6 = existsSync('/proc/net/if_inet6') && /^0{31}1 /m.test(readFileSync('/proc/net/if_inet6', 'utf8'));
const WITHOUT_IPV6 = HAS_IPV6 ? false : 'this machine has no IPv6';

describe('the load balancer', requires('haproxy'), () => {
  let world: World;
  let balancer: Haproxy;
  let port: number;

  beforeEach(async () => {
    ({ world, balancer, port } = await World.withBalancer());
  });
  afterEach(() => world.end());

  const endpoint = async (app: App): Promise<EndpointObservation | undefined> =>
    (await balancer.observe(fleet, CTX))?.endpoints.find((each) => each.instance === app.endpoint.instance);

  test('splits exactly by basis points', async () => {
    const [old, canary] = [await world.app(fleet, 1), await world.app(fleet, 2)];
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 9_500, [old]), routed(fleet, 2, 500, [canary])]), CTX);
    const { answers, failures, done } = load(port, 16, 20_000);
    await done;
    assert.deepEqual(failures, []);
    const share = (answers.get('r2') ?? 0) / 20_000;
    assert.ok(Math.abs(share - 0.05) < 0.01, `5 % asked for, ${(share * 100).toFixed(2)} % seen`);
  });

  test('listens on an IPv6 address, and tells who has it already', { skip: WITHOUT_IPV6 }, async () => {
    const listen = { host: '::1', port };
    const app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])], { listen }), CTX);
    await until(
      'an answer',
      () =>
        fetch(`http://[::1]:${port}/`).then(
          (answer) => answer.status,
          () => 0,
        ),
      (status) => status === 200,
    );
    await assert.rejects(balancer.requireListen(fleetOfService('other'), [listen], CTX), { code: 'PORT_IN_USE' });
    await balancer.requireListen(fleet, [listen], CTX);
  });

  test('switches between groups under load without a failed request', async () => {
    const apps = [await world.app(fleet, 1), await world.app(fleet, 2), await world.app(fleet, 3)];
    const weigh = (winner: number): Promise<void> =>
      balancer.apply(
        table(
          fleet,
          port,
          apps.map((app, index) => routed(fleet, index + 1, index === winner ? 10_000 : 0, [app])),
        ),
        CTX,
      );
    await weigh(0);
    const clients = load(port, 8);
    for (let round = 1; round <= 30; round += 1) await weigh(round % 3);
    const { answers, failures } = await clients.stop();
    assert.deepEqual(failures, []);
    assert.equal(answers.size, 3);
  });

  test('replaces endpoints under load without a failed request, POST included', async () => {
    const apps = await Promise.all([1, 2, 3, 4].map(() => world.app(fleet, 1)));
    const show = (ready: readonly App[], draining: readonly App[]): Promise<void> => {
      const group = routed(fleet, 1, 10_000, ready);
      const drained = routed(fleet, 1, 10_000, draining, 'drain');
      return balancer.apply(table(fleet, port, [{ ...group, endpoints: [...group.endpoints, ...drained.endpoints] }]), CTX);
    };
    await show(apps.slice(0, 2), []);
    const clients = load(port, 8);
    for (const [index, leaving] of apps.slice(0, 2).entries()) {
      const staying = apps.slice(index + 1, index + 3);
      await show(staying, [leaving]);
      await until(
        'the drain is over',
        () => endpoint(leaving),
        (seen) => seen?.state === 'drain' && seen.sessions === 0,
      );
      await show(staying, []);
      leaving.process.kill('SIGKILL');
    }
    const { failures } = await clients.stop();
    assert.deepEqual(failures, []);
  });

  test('a drain lets slow requests, streams and WebSockets finish, counts them, and takes nothing new', async () => {
    const [leaving, staying] = [await world.app(fleet, 1), await world.app(fleet, 2)];
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [leaving])]), CTX);
    const keptAlive = new Agent({ keepAlive: true, maxSockets: 1 });
    assert.equal((await get(port, '/', keptAlive)).body, 'r1');
    const slow = get(port, '/stream?hold');
    const socket = await webSocket(port);
    await until(
      'both in flight',
      () => endpoint(leaving),
      (seen) => seen?.sessions === 2,
    );

    await balancer.apply(table(fleet, port, [routed(fleet, 1, 0, [leaving], 'drain'), routed(fleet, 2, 10_000, [staying])]), CTX);
    assert.equal((await get(port, '/', keptAlive)).body, 'r2', 'a kept connection moves with its next request');
    assert.equal((await endpoint(leaving))?.sessions, 2);
    leaving.process.send('answer');
    assert.equal((await slow).body, 'first\nr1');
    await until(
      'the slow one is done',
      () => endpoint(leaving),
      (seen) => seen?.sessions === 1,
    );
    socket.write('still there?');
    assert.equal(String((await once(socket, 'data'))[0]), 'still there?');
    socket.end();
    await until(
      'the drain is over',
      () => endpoint(leaving),
      (seen) => seen?.sessions === 0,
    );
    keptAlive.destroy();
  });

  test('takes two hundred endpoints and lets them go again, without a reload', async () => {
    const app = await world.app(fleet, 1);
    const many = Array.from({ length: 200 }, (_, index) => ({
      ...app.endpoint,
      instance: `web.local.r1.${String(index).padStart(6, 'a')}` as App['endpoint']['instance'],
    }));
    const group = routed(fleet, 1, 10_000, [app]);
    await balancer.apply(table(fleet, port, [group]), CTX);
    await balancer.apply(table(fleet, port, [{ ...group, endpoints: many }]), CTX);
    assert.equal((await balancer.observe(fleet, CTX))?.endpoints.length, 200);
    assert.equal((await get(port, '/')).status, 200);
    await balancer.apply(table(fleet, port, [group]), CTX);
    assert.equal((await balancer.observe(fleet, CTX))?.endpoints.length, 1);
  });

  test('takes more groups than there were slots', async () => {
    const app = await world.app(fleet, 1);
    const groups = Array.from({ length: 9 }, (_, index) => routed(fleet, index + 1, index === 8 ? 10_000 : 0, []));
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    await balancer.apply(
      table(fleet, port, [routed(fleet, 1, 10_000, [app]), ...groups.slice(1).map((each) => ({ ...each, weight: 0 }))]),
      CTX,
    );
    assert.equal((await get(port, '/')).body, 'r1');
  });

  test('no group: 503 with a page that says so; no such fleet: null', async () => {
    await balancer.apply(table(fleet, port, []), CTX);
    const answer = await get(port, '/');
    assert.equal(answer.status, 503);
    assert.match(answer.body, /No release of web\.local takes traffic now/);
    assert.deepEqual(await balancer.observe(fleet, CTX), { weights: {}, preview: null, canary: null, endpoints: [] });
    assert.equal(await balancer.observe(fleetOfService('other'), CTX), null);
  });

  test('shows a group on the preview address before it gets traffic, and keeps those requests out of its metrics', async () => {
    const [blue, green] = [await world.app(fleet, 1), await world.app(fleet, 2)];
    const preview = { listen: { host: '127.0.0.1', port: await freePort() }, group: routed(fleet, 2, 0, []).group };
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [blue]), routed(fleet, 2, 0, [green])], { preview }), CTX);
    assert.equal((await get(port, '/')).body, 'r1');
    assert.equal((await get(preview.listen.port, '/')).body, 'r2');
    assert.equal((await balancer.observe(fleet, CTX))?.preview, preview.group);
    const requests = (await balancer.metrics(fleet, CTX)).map((each) => each.requests);
    assert.deepEqual(requests, [1, 0]);
  });

  test('counts answers by class and latency, failures apart, and nothing of a group before it in the slot', async () => {
    const app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    for (const status of [200, 200, 302, 404, 500]) await get(port, `/?status=${status}`);
    await get(port, '/?delay=120');
    await assert.doesNotReject(send('POST', port, '/die'));
    const [metrics] = await balancer.metrics(fleet, CTX);
    assert.deepEqual(metrics?.status, { '1xx': 0, '2xx': 3, '3xx': 1, '4xx': 1, '5xx': 1, failed: 1 });
    assert.equal(metrics.requests, 7);
    const slow = metrics.latencyMs.filter((each) => each.le > 100).reduce((sum, each) => sum + each.count, 0);
    assert.ok(slow >= 1, 'the request of 120 ms is in a bucket above 100 ms');

    const next = await world.app(fleet, 2);
    await balancer.apply(table(fleet, port, [routed(fleet, 2, 10_000, [next])]), CTX);
    await get(port, '/');
    const after = await balancer.metrics(fleet, CTX);
    assert.deepEqual(
      after.map(({ group, requests, status }) => [group, requests, status.failed]),
      [['web.local.r2', 1, 0]],
    );
  });

  test('repeats nothing that may have reached an instance: what kills one kills no other', async () => {
    const apps = [await world.app(fleet, 1), await world.app(fleet, 1), await world.app(fleet, 1)];
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, apps)]), CTX);
    for (let warm = 0; warm < 20; warm += 1) await get(port, '/');
    assert.equal((await get(port, '/die')).status, 502);
    assert.equal((await send('POST', port, '/die')).status, 502);
    await until(
      'two are gone, and one is left',
      async () => apps.filter(({ process: { exitCode, signalCode } }) => exitCode === null && signalCode === null).length,
      (left) => left === 1,
    );
    // The one that is left gets what finds the others gone.
    for (let again = 0; again < 20; again += 1) assert.equal((await get(port, '/')).status, 200);
  });

  test('an app that closes kept connections whenever it likes fails no request, POST included', async () => {
    const app = await world.app(fleet, 1, 3);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    const { failures, done } = load(port, 4, 6_000);
    await done;
    assert.deepEqual(failures, []);
  });

  test('one that hangs gets nothing more soon after its first look without an answer', async () => {
    const [hanging, healthy] = [await world.app(fleet, 1), await world.app(fleet, 1)];
    const health = { ...HEALTH, everyMs: 10_000, timeoutMs: 100 };
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [hanging, healthy])], { health }), CTX);
    await until(
      'both are up',
      () => endpoint(hanging),
      (seen) => seen?.up === true,
    );
    hanging.process.kill('SIGSTOP');
    // Two more looks, each after 10 s, would take twice as long as this may.
    await until(
      'it is seen down',
      () => endpoint(hanging),
      (seen) => seen?.up === false,
      14_000,
    );
    assert.equal((await endpoint(healthy))?.up, true);
  });

  test('stops sending to an endpoint that fails the second look, and says so', async () => {
    const [failing, healthy] = [await world.app(fleet, 1), await world.app(fleet, 1)];
    const health = { ...HEALTH, everyMs: 100, fall: 2 };
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [failing, healthy])], { health }), CTX);
    failing.process.kill('SIGKILL');
    await until(
      'it is seen down',
      () => endpoint(failing),
      (seen) => seen?.up === false,
    );
    assert.equal((await endpoint(healthy))?.up, true);
  });

  test('the second look is at status and body, and there is none where only the keeper can probe', async () => {
    const app = await world.app(fleet, 1);
    const look = async (probe: Health['probe'], up: boolean): Promise<void> => {
      const health = { ...HEALTH, probe, everyMs: 20, fall: 2 };
      await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])], { health }), CTX);
      await until(
        JSON.stringify(probe),
        () => endpoint(app),
        (seen) => seen?.up === up,
      );
      assert.equal((await get(port, '/')).status, up ? 200 : 503);
    };
    await look({ kind: 'http', path: '/?status=500', status: 200 }, false);
    await look({ kind: 'http', path: '/?status=500', status: 500, body: 'r1' }, true);
    await look({ kind: 'http', path: '/', status: 200, body: "it's another" }, false);
    await look({ kind: 'command', command: ['true'] }, true);
    app.process.kill('SIGKILL');
    await look({ kind: 'tcp' }, false);
  });

  test('tells clients apart: the forwarded headers are set for the app', async () => {
    const app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    const headers = JSON.parse((await get(port, '/headers')).body) as Record<string, string>;
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(headers['x-forwarded-proto'], 'http');
  });

  test('a port that another process has is PORT_IN_USE with its holder, and nothing changes', async () => {
    const app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    const other = fleetOfService('other');
    const refused = { code: 'PORT_IN_USE', message: new RegExp(`process ${process.pid}`) };
    const ask = (by: FleetId, at: number): Promise<void> => balancer.requireListen(by, [{ host: '127.0.0.1', port: at }], CTX);
    await assert.rejects(ask(other, taken), refused);
    await assert.rejects(ask(other, port), { code: 'PORT_IN_USE', message: /web\.local does/ });
    await ask(fleet, port);
    await assert.rejects(balancer.apply(table(other, taken, []), CTX), refused);
    await assert.rejects(balancer.apply(table(other, port, []), CTX), { code: 'PORT_IN_USE', message: /web\.local does/ });
    assert.equal(await balancer.observe(other, CTX), null);
    assert.equal((await get(port, '/')).body, 'r1');
    holder.close();
  });

  test('names and addresses that are no ids never reach the configuration', async () => {
    const app = await world.app(fleet, 1);
    const group = routed(fleet, 1, 10_000, [app]);
    const hostile = { ...app.endpoint, instance: 'web.local.r1.a;quit' as App['endpoint']['instance'] };
    const elsewhere = { ...app.endpoint, address: { host: '127.0.0.1 disabled\n', port: 1 } };
    for (const endpoint of [hostile, elsewhere]) {
      await assert.rejects(balancer.apply(table(fleet, port, [{ ...group, endpoints: [endpoint] }]), CTX), RangeError);
    }
    const probe = {
      kind: 'http',
      path: `/'; x\\"#$HOME %[src]`.replaceAll(' ', ''),
      status: 200,
      body: `it's "fine" \\ %[src] $HOME\n`,
    } as const;
    await balancer.apply(table(fleet, port, [group], { health: { ...HEALTH, probe, everyMs: 60_000 } }), CTX);
    assert.equal((await get(port, '/')).body, 'r1');
    const spaced = { ...HEALTH, probe: { kind: 'http', path: '/ x', status: 200 } as const };
    await assert.rejects(balancer.apply(table(fleet, port, [group], { health: spaced }), CTX), { code: 'CONFIG_INVALID' });
  });
});
