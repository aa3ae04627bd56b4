/** The spine, for real: bake, deploy, replace under load, roll back, and every part killed on the way. One story, in order. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { Client, FleetStatusBody } from '../../src/client/client.ts';
import { requires } from '../requires.ts';
import { freePort, kilnUnderTest, steadyAt, until, writeService, type ServiceOptions } from './kiln-under-test.ts';
import { processesOf } from './processes.ts';
import { ask, startVisitors } from './visitors.ts';

const NEEDS = requires('root', 'runc', 'haproxy', 'mkfs.erofs', 'busybox', 'ip');

const kiln = kilnUnderTest();
const folder = mkdtempSync(join(tmpdir(), 'kiln-e2e-web-'));
let port = 0;
let client: Client;

const write = (version: string, more: Partial<ServiceOptions> = {}): void =>
  void writeService(folder, port, { name: 'web', version, ...more });
/** Those that serve, each with its start: a warm group's window may end meanwhile, and its leaving is no restart. */
const serving = (status: FleetStatusBody): readonly string[] =>
  status.instances
    .filter(({ release }) => release === status.serving)
    .map(({ id, launchedAt }) => `${id} ${launchedAt}`)
    .toSorted();
const deploy = () => client.deploy({ folder, by: 'the test' }).result();

before(async () => {
  if (NEEDS.skip !== false) return;
  port = await freePort();
  client = await kiln.client();
});

after(async () => {
  if (NEEDS.skip === false) assert.deepEqual(await kiln.end(), [], 'nothing is left on the machine');
  rmSync(folder, { recursive: true });
});

test('a folder becomes three healthy instances behind one address', NEEDS, async () => {
  write('one');
  const { release, created } = await deploy();
  assert.equal(created, true);
  assert.equal(release.number, 1);
  const status = await steadyAt(client, 'web', 1);
  assert.equal(status.instances.length, 3);
  assert.equal(await ask(port), 'one');
});

test('a deploy with nothing changed bakes nothing and does nothing', NEEDS, async () => {
  const { release, created, bake } = await deploy();
  assert.deepEqual([release.number, created, bake?.changed], [1, false, false]);
});

test('a rolling replacement under load fails no request', NEEDS, async () => {
  const visitors = startVisitors(port);
  write('two');
  await deploy();
  await steadyAt(client, 'web', 2);
  await until('the new release answers', () => (visitors.visits.versions.get('two') ?? 0) > 100);
  const { failures, versions } = await visitors.leave();
  assert.deepEqual(failures, []);
  assert.ok((versions.get('one') ?? 0) > 0);
});

test('a release that never gets healthy gets no traffic and is rolled back', NEEDS, async () => {
  const visitors = startVisitors(port);
  write('three', { healthy: false });
  const { release } = await deploy();
  assert.equal(release.number, 3);
  await until('the rollout is rolled back', async () => {
    const { ended, phase } = await client.status({ service: 'web' });
    return phase === 'steady' && ended?.outcome === 'rolled-back';
  });
  const { failures, versions } = await visitors.leave();
  assert.deepEqual(failures, []);
  assert.deepEqual([...versions.keys()], ['two']);
});

test('blue-green switches at once, and back to the warm group', NEEDS, async () => {
  const visitors = startVisitors(port);
  write('four', { strategy: 'blue-green' });
  const { release } = await deploy();
  await steadyAt(client, 'web', release.number);
  await until('green answers', async () => (await ask(port)) === 'four');
  await client.rollback({ service: 'web' });
  await steadyAt(client, 'web', 2);
  assert.equal(await ask(port), 'two');
  assert.deepEqual((await visitors.leave()).failures, []);
});

test('an instance that is killed is replaced by an identical one', NEEDS, async () => {
  const before = await client.status({ service: 'web' });
  const victim = before.instances.find(({ release }) => release === before.serving);
  assert.ok(victim !== undefined);
  const pid = Number(readFileSync(join(kiln.home.run, 'instances', victim.id, 'pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  await until('it is gone and another one is there', async () => {
    const { instances, serving, size } = await client.status({ service: 'web' });
    const now = instances.filter(({ health, release }) => health === 'healthy' && release === serving);
    return now.length === size && now.every(({ id }) => id !== victim.id);
  });
});

test('instances serve while the daemon is dead, and are adopted, not restarted', NEEDS, async () => {
  const before = serving(await client.status({ service: 'web' }));
  const visitors = startVisitors(port);
  await kiln.killDaemon();
  const answered = visitors.visits.versions.get('two') ?? 0;
  await until('requests are answered without a daemon', () => (visitors.visits.versions.get('two') ?? 0) > answered + 100);
  client = await kiln.client();
  const now = serving(await steadyAt(client, 'web', 2));
  const { failures } = await visitors.leave();
  assert.deepEqual(failures, []);
  assert.deepEqual(now, before);
});

test('the daemon killed in the middle of a rollout goes on with it', NEEDS, async () => {
  const visitors = startVisitors(port);
  write('five');
  const { release } = await deploy();
  await until('the rollout is under way', async () => {
    const { groups } = await client.status({ service: 'web' });
    return groups.some((group) => group.release === release.number && group.running > 0);
  });
  await kiln.killDaemon();
  client = await kiln.client();
  await steadyAt(client, 'web', release.number);
  await until('the new release answers', async () => (await ask(port)) === 'five');
  assert.deepEqual((await visitors.leave()).failures, []);
});

test('a killed load balancer comes back with the right routing, instances untouched', NEEDS, async () => {
  const before = serving(await client.status({ service: 'web' }));
  const haproxies = processesOf(kiln.home).filter(({ command }) => /^\S*haproxy\b/.test(command));
  assert.ok(haproxies.length > 0, 'haproxy is among the processes');
  for (const { pid } of haproxies) process.kill(pid, 'SIGKILL');
  await until('the service answers again', () => ask(port));
  assert.equal(await ask(port), 'five');
  assert.deepEqual(serving(await client.status({ service: 'web' })), before);
});

test('the history is whole and tells what was done by whom', NEEDS, async () => {
  assert.deepEqual((await client.verifyHistory()).broken, null);
  const { entries } = await client.history({ service: 'web' });
  const first = entries.find(({ kind }) => kind === 'command.given');
  assert.deepEqual(first?.data, { command: 'deploy', by: 'the test' });
  assert.ok(entries.some(({ kind }) => kind === 'rollout.finished'));
});

test('gc takes nothing that runs or can be rolled back to', NEEDS, async () => {
  const { releases } = await client.releases({ service: 'web' });
  await client.gc();
  const { images } = await client.images();
  const serving = releases.filter(({ number }) => [1, 2, 4, 5].includes(number)).map(({ image }) => image);
  assert.deepEqual(
    serving.filter((digest) => !images.some((image) => image.digest === digest)),
    [],
  );
});
