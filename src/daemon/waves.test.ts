/** Several services in one file over the API: waves, the line that stops, a daemon that ends in the middle. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Client, WavesBody } from '../client/client.ts';
import { isError, running } from './testing/running.ts';

const SHOP = `services:
  db:
    image: { from: scratch, entrypoint: [/app] }
    run: { port: 3000, instances: 1, health: { tcp: true } }
    replace: { warm-up: 0s }
  api:
    depends-on: [db]
    image: { from: scratch, entrypoint: [/app] }
    run: { port: 3000, instances: 1, health: { tcp: true } }
    replace: { warm-up: 0s, deadline: 1s }
  web:
    depends-on: [api]
    image: { from: scratch, entrypoint: [/app] }
    run: { port: 3000, instances: 1, health: { tcp: true } }
    replace: { warm-up: 0s }
`;

const APPROVED = SHOP.replace('deadline: 1s }', 'approve: [before] }');

async function wavesWhen(client: Client, id: number, wanted: (waves: WavesBody) => boolean): Promise<WavesBody> {
  const enough = new AbortController();
  for await (const _ of client.events({ after: 0 }, { signal: enough.signal })) {
    const waves = await client.waves({ id });
    if (wanted(waves)) return waves;
  }
  throw new Error('the events ended');
}

const ended = ({ finishedAt }: WavesBody): boolean => finishedAt !== null;
const states = ({ services }: WavesBody): readonly string[] => services.map(({ state }) => state);
const isRolling =
  (name: string) =>
  ({ services }: WavesBody): boolean =>
    services.some(({ fleet, state }) => fleet === `${name}.local` && state === 'rolling');

test('all are baked, then deployed one wave after the other; again, nothing is done', async (t) => {
  const { client, folder } = await running(t, SHOP);
  const planned = await client.planWaves({ folder }).result();
  assert.deepEqual(
    planned.services.map(({ fleet, wave, changes }) => [fleet, wave, changes]),
    [
      ['db.local', 1, true],
      ['api.local', 2, true],
      ['web.local', 3, true],
    ],
  );
  assert.deepEqual((await client.fleets()).fleets, []);

  const { waves } = await client.deployWaves({ folder, by: 'ada' }).result();
  const done = await wavesWhen(client, waves.id, ended);
  assert.deepEqual([states(done), done.stopped], [['done', 'done', 'done'], null]);
  const { entries } = await client.history();
  const order = entries.filter(({ kind }) => kind === 'rollout.started' || kind === 'rollout.finished').map(({ fleet }) => fleet);
  assert.deepEqual(order, ['db.local', 'db.local', 'api.local', 'api.local', 'web.local', 'web.local']);

  const again = await client.deployWaves({ folder }).result();
  assert.deepEqual(states(await wavesWhen(client, again.waves.id, ended)), ['unchanged', 'unchanged', 'unchanged']);
  assert.equal((await client.releases({ service: 'web' })).releases.length, 1);
  assert.deepEqual((await client.verifyHistory()).broken, null);
});

test('a service that fails stops the line: those after it are not touched, and the reason is told', async (t) => {
  const { client, folder, world } = await running(t, SHOP);
  await wavesWhen(client, (await client.deployWaves({ folder }).result()).waves.id, ended);
  world.content = 'two';
  world.brokenFleet = 'api.local';
  const { waves } = await client.deployWaves({ folder }).result();
  const stopped = await wavesWhen(client, waves.id, ended);
  assert.deepEqual(states(stopped), ['done', 'failed', 'untouched']);
  assert.match(stopped.stopped ?? '', /^api\.local: r2/);
  assert.equal((await client.status({ service: 'web' })).serving, 1);
  assert.equal((await client.status({ service: 'api' })).serving, 1);
  assert.deepEqual(
    (await client.fleets()).waves.map(({ id }) => id),
    [waves.id],
  );

  world.brokenFleet = null;
  const mended = await client.deployWaves({ folder }).result();
  assert.deepEqual(states(await wavesWhen(client, mended.waves.id, ended)), ['unchanged', 'done', 'done']);
});

test('the next daemon goes on with the wave in which the last one ended; what is in the folder by then does not matter', async (t) => {
  const { client, folder, restart } = await running(t, APPROVED);
  const { waves } = await client.deployWaves({ folder }).result();
  await wavesWhen(client, waves.id, isRolling('api'));
  await restart(() => writeFileSync(join(folder, 'kiln.yaml'), 'nonsense: true\n'));
  const going = await client.waves({ id: waves.id });
  assert.deepEqual(states(going), ['done', 'rolling', 'waiting']);
  assert.deepEqual(going.services[2]?.waitsFor, ['api.local']);
  await wavesWhen(client, waves.id, isRolling('api'));
  await client.approve({ service: 'api' });
  assert.deepEqual(states(await wavesWhen(client, waves.id, ended)), ['done', 'done', 'done']);
});

test('abort stops the line; so does whoever deploys one of its services meanwhile', async (t) => {
  const { client, folder, world } = await running(t, APPROVED);
  const first = await client.deployWaves({ folder }).result();
  await wavesWhen(client, first.waves.id, isRolling('api'));
  const joined = await client.deployWaves({ folder }).result();
  assert.deepEqual([joined.joined, joined.waves.id], [true, first.waves.id]);
  await client.abort({ service: 'db', by: 'bob' });
  const aborted = await wavesWhen(client, first.waves.id, ({ stopped }) => stopped !== null);
  assert.match(aborted.stopped ?? '', /aborted by bob/);
  await client.approve({ service: 'api' });
  assert.deepEqual(states(await wavesWhen(client, first.waves.id, ended)), ['done', 'done', 'untouched']);
  await assert.rejects(client.status({ service: 'web' }), isError('NOT_FOUND'));

  world.content = 'two';
  const second = await client.deployWaves({ folder }).result();
  await wavesWhen(client, second.waves.id, isRolling('api'));
  world.content = 'three';
  await client.deploy({ folder, service: 'web' }).result();
  const moved = await wavesWhen(client, second.waves.id, ({ stopped }) => stopped !== null);
  assert.match(moved.stopped ?? '', /^web\.local: somebody has moved it to r1$/);
  const third = await client.deployWaves({ folder }).result();
  assert.equal(third.joined, false);
  assert.deepEqual(states(third.waves), ['waiting', 'waiting', 'waiting']);
  assert.deepEqual(states(await client.waves({ id: second.waves.id })), ['done', 'failed', 'untouched']);
});

test('what is wrong with any service is said before the first is touched', async (t) => {
  const { client, folder } = await running(t, SHOP.replace('deadline: 1s }', 'deadline: 1s }\n    environments: { moon: {} }'));
  await assert.rejects(
    client.deployWaves({ folder, environment: 'local' }).result(),
    isError('NOT_FOUND', /api has no environment/),
  );
  assert.deepEqual((await client.history()).entries, []);
  await assert.rejects(client.deploy({ folder }).result(), isError('USAGE', /db, api, web/));
});
