/** Canaries by rule on the real HAProxy: who goes where, who stays, and what of it survives. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { groupId, type ReleaseNumber } from '../domain/ids.ts';
import type { CanaryRule } from '../engines/engine.ts';
import type { Haproxy } from './haproxy.ts';
import { Master } from './master.ts';
import { trafficPaths } from './paths.ts';
import { CTX, fleetOfService, get, load, routed, send, table, until, World, type App } from './testing/world.ts';

const fleet = fleetOfService('web');
const NOTHING: CanaryRule = { group: groupId(fleet, 2 as ReleaseNumber), sticky: null, matches: [], mirror: 0 };
const CLIENTS = 1_000;
/** Five standard deviations of a share of so many. */
const SLACK = 0.08;

describe("a canary's rule", requires('haproxy'), () => {
  let world: World;
  let balancer: Haproxy;
  let port: number;
  let apps: readonly [App, App];

  beforeEach(async () => {
    ({ world, balancer, port } = await World.withBalancer());
    apps = [await world.app(fleet, 1), await world.app(fleet, 2)];
  });
  afterEach(() => world.end());

  /** `weight`: of the canary, r2. */
  const apply = (weight: number, rule: Partial<CanaryRule> | null): Promise<void> => {
    const groups = [routed(fleet, 1, 10_000 - weight, [apps[0]]), routed(fleet, 2, weight, [apps[1]])];
    return balancer.apply(table(fleet, port, groups, { canary: rule === null ? null : { ...NOTHING, ...rule } }), CTX);
  };
  const side = async (headers: Record<string, string>, agent?: Agent): Promise<string> =>
    (await get(port, '/', agent, headers)).body;
  const worker = async (): Promise<number> => (await new Master(trafficPaths(world.home).master).workers()).current ?? 0;

  /** On which side each of many clients is. */
  const sides = async (headersOf: (client: number) => Record<string, string>): Promise<readonly string[]> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const all = await Promise.all(Array.from({ length: CLIENTS }, (_, client) => side(headersOf(client), agent)));
    agent.destroy();
    return all;
  };
  const shareOf = (seen: readonly string[]): number => seen.filter((body) => body === 'r2').length / seen.length;
  const about = (share: number, wanted: number): void =>
    assert.ok(Math.abs(share - wanted) < SLACK, `${wanted * 100} % of the clients wanted, ${share * 100} % seen`);

  test('requests that match go to the canary, all others do not, POST included', async () => {
    await apply(0, {
      matches: [
        { in: 'header', name: 'X-Canary', is: "it's yes" },
        { in: 'cookie', name: 'staff', is: null },
      ],
    });
    for (const [headers, wanted] of [
      [{ 'x-canary': "it's yes" }, 'r2'],
      [{ 'X-CANARY': 'no' }, 'r1'],
      [{ 'x-canary': "it's yes, really" }, 'r1'],
      [{ cookie: 'a=1; staff=anything; b=2' }, 'r2'],
      [{ cookie: 'stafff=1' }, 'r1'],
      [{}, 'r1'],
    ] as const) {
      assert.equal(await side(headers), wanted, JSON.stringify(headers));
      assert.equal((await send('POST', port, '/', undefined, headers)).body, wanted, JSON.stringify(headers));
    }
    const [old, canary] = await balancer.metrics(fleet, CTX);
    assert.deepEqual([old?.requests, old?.safe.requests, canary?.requests, canary?.safe.requests], [8, 4, 4, 2]);
  });

  test('what it was told is observed, its end and its return take no reload', async () => {
    const rule: CanaryRule = {
      ...NOTHING,
      sticky: { by: 'header', name: 'X-User' },
      matches: [{ in: 'header', name: 'X-Canary', is: 'yes' }],
    };
    const seen = async (): Promise<CanaryRule | null> => (await balancer.observe(fleet, CTX))?.canary ?? null;
    await apply(100, rule);
    assert.deepEqual(await seen(), rule);
    const before = await worker();
    await apply(0, null);
    assert.equal(await seen(), null);
    assert.equal(await side({ 'x-canary': 'yes' }), 'r1');
    await apply(5_000, rule);
    assert.deepEqual(await seen(), rule);
    assert.equal(await side({ 'x-canary': 'yes' }), 'r2');
    assert.equal(await worker(), before);
  });

  test('by header: each client is on one side, and a growing share takes clients from the old side only', async () => {
    const user = (client: number): Record<string, string> => ({ 'x-user': `user-${client}` });
    let before: readonly string[] = [];
    for (const weight of [500, 2_500, 5_000]) {
      await apply(weight, { sticky: { by: 'header', name: 'X-User' } });
      const [now, again] = [await sides(user), await sides(user)];
      assert.deepEqual(again, now, 'somebody changed sides without a change of the share');
      about(shareOf(now), weight / 10_000);
      for (const [client, was] of before.entries())
        if (was === 'r2') assert.equal(now[client], 'r2', `client ${client} went back`);
      before = now;
    }
    await apply(5_000, { sticky: { by: 'header', name: 'X-User' }, group: groupId(fleet, 1 as ReleaseNumber) });
    assert.notDeepEqual(await sides(user), before, 'the next canary meets other clients first');
  });

  test('by address: all that one client asks goes to one side', async () => {
    await apply(5_000, { sticky: { by: 'address' } });
    assert.equal(new Set(await sides(() => ({}))).size, 1);
  });

  test('by cookie: who has none gets one and stays; who keeps none is split like requests; nobody is bound after the end', async () => {
    await apply(2_500, { sticky: { by: 'cookie' } });
    about(shareOf(await sides(() => ({}))), 0.25);
    const met = await Promise.all(Array.from({ length: 40 }, () => get(port, '/')));
    const clients = met.map(({ body, headers }) => ({ body, cookie: headers['set-cookie']?.[0]?.split(';')[0] ?? '' }));
    assert.match(
      met[0]?.headers['set-cookie']?.[0] ?? '',
      /^kiln-client=[0-9a-f-]{36}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/,
    );
    for (const weight of [2_500, 5_000]) {
      await apply(weight, { sticky: { by: 'cookie' } });
      for (const { body, cookie } of clients) {
        const answer = await get(port, '/', undefined, { cookie });
        assert.equal(answer.headers['set-cookie'], undefined);
        if (weight === 2_500 || body === 'r2') assert.equal(answer.body, body);
      }
    }
    assert.notEqual((await get(port, '/', undefined, { cookie: 'kiln-client=forged|' })).headers['set-cookie'], undefined);
    const canary = clients.find(({ body }) => body === 'r2');
    await apply(0, null);
    const after = await get(port, '/', undefined, { cookie: canary?.cookie ?? '' });
    assert.deepEqual([after.body, after.headers['set-cookie']], ['r1', undefined]);
  });

  test('is in force again after HAProxy was killed, and holds through a reload under load', async () => {
    const rule: Partial<CanaryRule> = { matches: [{ in: 'header', name: 'X-Canary', is: 'yes' }] };
    await apply(0, rule);
    const { master } = JSON.parse(await readFile(trafficPaths(world.home).process, 'utf8')) as { master: { pid: number } };
    process.kill(master.pid, 'SIGKILL');
    await until(
      'it answers again',
      () => side({ 'x-canary': 'yes' }).catch(String),
      (body) => body === 'r2',
    );
    const clients = load(port, 4);
    await apply(0, { ...rule, sticky: { by: 'header', name: 'X-User' } });
    assert.equal(await side({ 'x-canary': 'yes' }), 'r2');
    const { failures, answers } = await clients.stop();
    assert.deepEqual([failures, [...answers.keys()]], [[], ['r1']]);
  });

  test('names that are none never reach the configuration', async () => {
    const bad: readonly Partial<CanaryRule>[] = [
      { sticky: { by: 'header', name: 'x) if TRUE' } },
      { matches: [{ in: 'cookie', name: 'a b', is: null }] },
      { matches: [{ in: 'header', name: 'ok', is: 'a\nb' }] },
      { mirror: 10_001 },
      { group: groupId(fleet, 9 as ReleaseNumber) },
    ];
    for (const rule of bad) await assert.rejects(apply(0, rule), RangeError);
  });
});
