/** Streams on the real HAProxy: counted apart from requests, and closed a few at a time. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { EndpointObservation } from '../engines/engine.ts';
import type { Haproxy } from './haproxy.ts';
import { CTX, fleetOfService, freePort, load, routed, table, until, webSocket, World, type App } from './testing/world.ts';

const fleet = fleetOfService('web');

describe('streams', requires('haproxy'), () => {
  let world: World;
  let balancer: Haproxy;
  let port: number;
  let app: App;

  beforeEach(async () => {
    ({ world, balancer, port } = await World.withBalancer());
    app = await world.app(fleet, 1);
    await balancer.apply(table(fleet, port, [routed(fleet, 1, 10_000, [app])]), CTX);
  });
  afterEach(() => world.end());

  const inFlight = (sessions: number, streams: number): Promise<EndpointObservation | undefined> =>
    until(
      `${sessions} in flight, ${streams} streams`,
      async () => (await balancer.observe(fleet, CTX))?.endpoints.find(({ instance }) => instance === app.endpoint.instance),
      (seen) => seen?.sessions === sessions && seen.streams === streams,
    );
  /** Answers when it has begun. */
  const begun = (path: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
        response.on('error', () => {});
        response.resume();
        resolve();
      });
      sent.on('error', reject);
      sent.end();
    });

  test('WebSockets and event streams are streams, slow answers are requests', async () => {
    const sockets = await Promise.all([webSocket(port), webSocket(port)]);
    await begun('/events?delay=4000');
    await begun('/stream?delay=4000');
    await inFlight(4, 3);
    await inFlight(2, 2);
    for (const socket of sockets) socket.destroy();
    await inFlight(0, 0);
  });

  test('those that an old worker still serves after a reload count, and are closed with the others', async () => {
    const before = await webSocket(port);
    await balancer.apply(table(fleetOfService('other'), await freePort(), []), CTX);
    const after = await webSocket(port);
    await inFlight(2, 2);
    let open = 2;
    for (const socket of [before, after]) socket.on('close', () => (open -= 1));
    await balancer.evict(app.endpoint.instance, 1, CTX);
    await inFlight(1, 1);
    assert.equal(before.destroyed, true, 'workers that are leaving go first');
    await balancer.evict(app.endpoint.instance, 0, CTX);
    await inFlight(0, 0);
    await until(
      'both clients know',
      async () => open,
      (left) => left === 0,
    );
  });

  test('closes so many that no more than asked for are left, of that instance only, and again is nothing', async () => {
    const other = await world.app(fleet, 1);
    const sockets: Duplex[] = await Promise.all(Array.from({ length: 60 }, () => webSocket(port)));
    const groups = [
      { ...routed(fleet, 1, 10_000, [other]), endpoints: [other.endpoint, { ...app.endpoint, state: 'drain' as const }] },
    ];
    await balancer.apply(table(fleet, port, groups), CTX);
    const fresh = await webSocket(port);
    const clients = load(port, 4);
    await inFlight(60, 60);
    for (const most of [45, 45, 20, 0]) {
      await balancer.evict(app.endpoint.instance, most, CTX);
      await inFlight(most, most);
      await until(
        'as many clients are connected',
        async () => sockets.filter((socket) => !socket.destroyed).length,
        (open) => open === most,
      );
    }
    assert.deepEqual((await clients.stop()).failures, []);
    assert.equal(fresh.destroyed, false);
    fresh.destroy();
    await balancer.evict(app.endpoint.instance, 0, CTX);
  });
});
