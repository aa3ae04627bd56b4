/** Channels, revocation and lineage over the API, on a faked machine. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import type { Client } from '../client/client.ts';
import { isError, running, statusWhen, steadyAt, YAML } from './testing/running.ts';

/** Another service beside that of `running`. */
function service(folder: string, name: string, from: string): string {
  const own = join(dirname(folder), name);
  mkdirSync(own);
  writeFileSync(join(own, 'kiln.yaml'), `service: ${name}\nimage: { from: "${from}", entrypoint: [/app] }\n`);
  return own;
}

const inFolder = (folder: string, yaml: string): void => writeFileSync(join(folder, 'kiln.yaml'), yaml);
const bake = async (client: Client, folder: string, more: object = {}): Promise<string> =>
  (await client.bake({ folder, by: 'ada', ...more }).result()).digest;

test('a bake fills a channel, an environment deploys what it holds, and a policy orders them', async (t) => {
  const { client, folder, world } = await running(t);
  inFolder(folder, `${YAML}channels: { production: { after: staging } }\n`.replace('local: {', 'local: { channel: production,'));
  await assert.rejects(client.deploy({ folder }).result(), isError('NOT_FOUND', /no channel "web.production"/));
  await assert.rejects(
    client.bake({ folder, channel: 'production' }).result(),
    isError('CHANNEL_REFUSED', /only what was in staging/),
  );
  const one = await bake(client, folder, { channel: 'staging' });
  await client.setChannel({ channel: 'production', image: one, reason: 'release', by: 'bob' });
  world.content = 'two';
  const two = await bake(client, folder);
  await assert.rejects(client.setChannel({ channel: 'production', image: two }), isError('CHANNEL_REFUSED', /staging/));

  const deployed = await client.deploy({ folder }).result();
  assert.deepEqual([deployed.release.image, deployed.bake], [one, null], 'what the channel holds, and nothing is baked');
  await steadyAt(client, 1);
  const broken = { channel: 'production', image: two, breakGlass: true };
  await assert.rejects(client.setChannel(broken), isError('USAGE', /nobody said why/));
  await client.setChannel({ ...broken, reason: 'outage' });
  const { moves } = await client.channelHistory({ channel: 'web.production' });
  assert.deepEqual(
    moves.map(({ image, by, why, overruled }) => [image, by, why, overruled === null]),
    [
      [one, 'bob', 'release', true],
      [two, 'somebody on this machine', 'outage', false],
    ],
  );
  const { fleets } = await client.channel({ channel: 'production' });
  assert.deepEqual(fleets, [{ fleet: 'web.local', image: one, current: false }]);
  assert.equal((await client.rollbackChannel({ channel: 'production' })).image, one);
  assert.deepEqual((await client.image({ reference: 'web.production' })).digest, one);
  assert.deepEqual((await client.image({ reference: 'production' })).digest, one, 'one service alone has a channel of that name');
  const qa = await client.setChannel({ channel: 'qa', image: 'web.staging' });
  assert.equal(qa.channel.image, one, 'a channel stands for its image');
  assert.deepEqual((await client.images()).images.find(({ digest }) => digest === one)?.channels, [
    'web.staging',
    'web.production',
    'web.qa',
  ]);
});

test('what a gate refused gets no name, no channel and no fleet, but by break-glass', async (t) => {
  const { client, folder, home } = await running(t);
  const image = await bake(client, folder);
  const report = [{ gate: 'secrets', verdict: 'fail', why: 'a private key', findings: [], predicates: [], ms: 0 }];
  writeFileSync(join(home.bake, 'gates', 'reports', `${image.slice('sha256:'.length)}.json`), JSON.stringify(report));
  await assert.rejects(client.tagImage({ reference: image, tag: 'web:9.9.9' }), isError('GATE_FAILED', /a private key/));
  await assert.rejects(client.setChannel({ channel: 'web.production', image }), isError('GATE_FAILED', /a private key/));
  await assert.rejects(client.deploy({ folder, image }).result(), isError('IMAGE_NOT_ADMITTED', /not-refused.*a private key/));
  const { release } = await client.deploy({ folder, image, breakGlass: 'outage' }).result();
  assert.deepEqual(release.brokenGlass?.overruled, ['not-refused']);
});

test('a slip puts no image into the channel of another service', async (t) => {
  const { client, folder } = await running(t);
  const image = await bake(client, folder);
  await assert.rejects(
    client.setChannel({ channel: 'api.production', image }),
    isError('CHANNEL_REFUSED', /is of the service web/),
  );
});

test('law 1: a revoked image is deployed, rolled back to and scaled by no one, and its fleet says so', async (t) => {
  const { client, folder, world } = await running(t);
  const one = (await client.deploy({ folder }).result()).release.image;
  await steadyAt(client, 1);
  world.content = 'two';
  await client.deploy({ folder }).result();
  await steadyAt(client, 2);
  const { revocations, running: runs } = await client.revoke({ reference: one, reason: 'leaks a key', by: 'ada' });
  assert.deepEqual(
    [revocations.map(({ image }) => image), runs.map(({ release, replaced }) => [release, replaced])],
    [[one], [[1, true]]],
    'the group that is kept warm goes',
  );
  await assert.rejects(client.rollback({ service: 'web', to: 1 }), isError('IMAGE_REVOKED', /revoked by ada: leaks a key/));
  await assert.rejects(client.rollback({ service: 'web' }), isError('NO_WAY_BACK'));
  world.content = 'one';
  await assert.rejects(client.deploy({ folder }).result(), isError('IMAGE_REVOKED'));
  const two = (await client.status({ service: 'web' })).groups.find(({ release }) => release === 2);
  assert.equal(two?.revoked, null);
  await client.revoke({ reference: (await client.releases({ service: 'web' })).releases[1]?.image ?? '', by: 'ada' });
  const { groups } = await client.status({ service: 'web' });
  assert.deepEqual(groups.find(({ release }) => release === 2)?.revoked, 'revoked by ada');
  await assert.rejects(client.scale({ service: 'web', size: 3 }), isError('IMAGE_REVOKED'));
  world.instances.clear();
  const { trouble } = await statusWhen(client, (status) => status.trouble !== null);
  assert.match(trouble ?? '', /nothing of r[12] may be launched: its image was revoked/);
  assert.equal(world.instances.size, 0);
});

test('a fleet that is told to leaves a revoked image by itself, and a restart forgets nothing', async (t) => {
  const { client, folder, world, restart } = await running(t, YAML.replace('warm-up: 0s', 'warm-up: 0s, revoked: roll-back'));
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  world.content = 'two';
  const two = (await client.deploy({ folder }).result()).release.image;
  await steadyAt(client, 2);
  const { running: runs } = await client.revoke({ reference: two });
  assert.equal(runs.find(({ release }) => release === 2)?.replaced, true);
  const { ended } = await statusWhen(client, ({ serving, phase }) => serving === 1 && phase === 'steady');
  assert.match(ended?.reason ?? '', /the image of r2 was revoked/);
  await statusWhen(client, ({ groups }) => groups.every(({ release }) => release !== 2));
  await restart();
  await assert.rejects(client.rollback({ service: 'web', to: 2 }), isError('IMAGE_REVOKED'));
  await assert.rejects(client.undoRevocation({ reference: two, reason: '' }), isError('USAGE'));
  await client.undoRevocation({ reference: two, reason: 'it was the other one' });
  await client.rollback({ service: 'web', to: 2 });
  await steadyAt(client, 2);
});

test('law 1: what was revoked is kept warm by nobody', async (t) => {
  const { client, folder, world } = await running(t);
  const one = (await client.deploy({ folder }).result()).release.image;
  await steadyAt(client, 1);
  world.content = 'two';
  await client.deploy({ folder }).result();
  await steadyAt(client, 2);
  const warm = await client.status({ service: 'web' });
  assert.deepEqual(
    warm.groups.map(({ release, warmUntil }) => [release, warmUntil === null]),
    [
      [1, false],
      [2, true],
    ],
  );
  await client.revoke({ reference: one });
  const { groups } = await statusWhen(client, (status) => status.groups.length === 1);
  assert.deepEqual(
    groups.map(({ release }) => release),
    [2],
  );
});

test('a revocation that lies ahead comes into force by itself, also where the daemon was down until then', async (t) => {
  const { client, folder, world, restart } = await running(t, YAML.replace('warm-up: 0s', 'warm-up: 0s, revoked: roll-back'));
  for (const [at, content] of ['one', 'two', 'three'].entries()) {
    world.content = content;
    await client.deploy({ folder }).result();
    await steadyAt(client, at + 1);
  }
  const { releases } = await client.releases({ service: 'web' });
  const image = (release: number): string => releases.find(({ number }) => number === release)?.image ?? '';
  const at = Date.now() + 1_000;
  await client.revoke({ reference: image(3), at });
  const { images } = await client.images();
  assert.equal(images.find(({ digest }) => digest === image(3))?.revoked?.since, at);
  await steadyAt(client, 2);
  assert.ok(Date.now() >= at, 'not before');
  await client.revoke({ reference: image(2), at: Date.now() + 500 });
  await restart(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600));
  await steadyAt(client, 1);
  await assert.rejects(client.rollback({ service: 'web', to: 3 }), isError('IMAGE_REVOKED'));
});

test('revoked with its descendants, also with those that are baked later; nothing is built on it', async (t) => {
  const { client, folder, world } = await running(t);
  const base = await bake(client, service(folder, 'base', 'scratch'), { channel: 'stable' });
  const runtimeFolder = service(folder, 'runtime', 'channel:base.stable');
  world.content = 'runtime';
  const runtime = await bake(client, runtimeFolder, { channel: 'stable' });
  const later = Date.now() + 3_600_000;
  const first = await client.revoke({ reference: base, cascade: true, at: later });
  assert.deepEqual(
    first.revocations.map(({ image }) => image),
    [base, runtime],
  );
  const child = service(folder, 'child', 'channel:runtime.stable');
  world.content = 'child';
  const born = await bake(client, child);
  const { revoked, ancestors } = await client.lineage({ reference: born });
  assert.deepEqual([revoked?.since, revoked?.through], [later, base]);
  assert.deepEqual(
    ancestors.map(({ image, name, level, known }) => [image, name, level, known]),
    [
      [runtime, 'channel:runtime.stable', 1, true],
      [base, 'channel:base.stable', 2, true],
    ],
  );
  await client.revoke({ reference: base, cascade: true });
  await assert.rejects(client.bake({ folder: child }).result(), isError('IMAGE_REVOKED', /the base channel:runtime.stable/));
  const { descendants } = await client.lineage({ reference: base });
  assert.deepEqual(
    descendants.map(({ image, level }) => [image, level]),
    [
      [runtime, 1],
      [born, 2],
    ],
  );
});
