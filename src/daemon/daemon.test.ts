import assert from 'node:assert/strict';
import { copyFileSync, existsSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import pino from 'pino';

import { Configuration } from '../config/configuration.ts';
import type { FleetStatusBody } from '../client/client.ts';
import type { FleetId } from '../domain/ids.ts';
import { systemClock } from '../platform/clock.ts';
import type { Home } from '../platform/home.ts';
import { startDaemon } from './daemon.ts';
import { fakeMachine, fakeWorld } from './testing/fake-machine.ts';
import { isError, running, statusWhen, steadyAt, YAML, type Running } from './testing/running.ts';

test('deploy, deploy again, replace, roll back: over the API, into the history', async (t) => {
  const { client, folder, world } = await running(t);
  const first = await client.deploy({ folder, by: 'ada' }).result();
  assert.deepEqual([first.fleet, first.release.number, first.created], ['web.local', 1, true]);
  const status = await steadyAt(client, 1);
  assert.deepEqual([status.instances.length, status.groups[0]?.weight, status.trouble], [2, 10_000, null]);

  const again = await client.deploy({ folder }).result();
  assert.deepEqual([again.created, again.release.number], [false, 1]);

  world.content = 'two';
  assert.equal((await client.deploy({ folder }).result()).release.number, 2);
  await steadyAt(client, 2);
  await client.rollback({ service: 'web', by: 'bob' });
  await steadyAt(client, 1);

  const { releases } = await client.releases({ service: 'web' });
  assert.deepEqual(
    releases.map(({ number, strategy }) => [number, strategy]),
    [
      [1, 'rolling'],
      [2, 'rolling'],
    ],
  );
  const { entries } = await client.history({ service: 'web' });
  const given = entries.filter(({ kind }) => kind === 'command.given').map(({ data }) => (data as { by: string }).by);
  assert.deepEqual(given.slice(0, 1).concat(given.slice(-1)), ['ada', 'bob']);
  const bakes = (await client.history()).entries.filter(({ kind }) => kind.startsWith('bake.')).map(({ kind }) => kind);
  assert.deepEqual(bakes.slice(0, 2), ['bake.started', 'bake.done']);
  assert.deepEqual((await client.verifyHistory()).broken, null);
});

test('an image that a gate refused gets no name and no release, and can be looked at', async (t) => {
  const { client, folder } = await running(t);
  writeFileSync(join(folder, 'kiln.yaml'), YAML.replace('entrypoint: [/app]', 'entrypoint: [/app], gates: { lint: medium }'));
  const baked = await client.bake({ folder }).result();
  assert.deepEqual([baked.verdict, baked.tags, baked.reports[0]?.verdict], ['fail', [], 'fail']);
  assert.deepEqual(
    (await client.images()).images.map(({ tags }) => tags),
    [[]],
  );
  const finding = (await client.image({ reference: baked.digest })).gates[0]?.findings[0];
  assert.deepEqual([finding?.rule, finding?.blocks], ['root-user', true]);
  await assert.rejects(client.deploy({ folder }).result(), isError('GATE_FAILED', /lint/));
  assert.deepEqual((await client.fleets()).fleets, []);
  const kinds = (await client.history()).entries.map(({ kind }) => kind);
  const first = kinds.slice(0, kinds.indexOf('bake.failed') + 1);
  assert.deepEqual([...new Set(first)], ['bake.started', 'gate.done', 'evidence.attached', 'bake.failed']);
});

test('a daemon that starts again adopts what runs and launches nothing', async (t) => {
  const { client, folder, world, restart } = await running(t);
  await client.deploy({ folder }).result();
  const before = await steadyAt(client, 1);
  const ids = [...world.instances.keys()];
  await restart();
  const after = await steadyAt(client, 1);
  assert.deepEqual([...world.instances.keys()], ids);
  assert.deepEqual(after.instances, before.instances);
});

test('a plan says what would happen, and nothing does', async (t) => {
  const { client, folder, world } = await running(t);
  const { changes, steps } = await client.planDeploy({ folder }).result();
  assert.equal(changes, true);
  assert.match(steps.join('\n'), /make release r1[^]*move from nothing to r1/);
  assert.deepEqual((await client.fleets()).fleets, []);
  assert.equal(world.instances.size, 0);
});

test('what is wrong with the input is said before anything is done', async (t) => {
  const { client, folder } = await running(t);
  await assert.rejects(client.deploy({ folder: '/nonexistent' }).result(), isError('CONFIG_NOT_FOUND'));
  await assert.rejects(client.deploy({ folder, environment: 'moon' }).result(), isError('NOT_FOUND', /moon/));
  await assert.rejects(client.deploy({ folder, image: 'web:nope' }).result(), isError('IMAGE_NOT_FOUND'));
  await assert.rejects(client.status({ service: 'web' }), isError('NOT_FOUND'));
  await assert.rejects(client.history({ service: 'web' }), isError('NOT_FOUND'));
  await assert.rejects(client.logs({ target: 'web' }).result(), isError('NOT_FOUND'));
  writeFileSync(join(folder, 'kiln.yaml'), YAML.replace('local: {', 'local: { engine: sim,'));
  await assert.rejects(client.deploy({ folder }).result(), isError('USAGE', /sim/));
});

test('a port that somebody else has is said before the bake, and no release is made', async (t) => {
  const { client, folder, world } = await running(t);
  world.takenPort = 1;
  await assert.rejects(client.deploy({ folder }).result(), isError('PORT_IN_USE'));
  await assert.rejects(client.planDeploy({ folder }).result(), isError('PORT_IN_USE'));
  assert.deepEqual((await client.fleets()).fleets, []);
  assert.deepEqual((await client.images()).images, []);
  world.takenPort = null;
  assert.equal((await client.deploy({ folder }).result()).release.number, 1);
});

test('what the machine lacks is said before the bake, with the packages, and no release is made', async (t) => {
  const { client, folder, world } = await running(t);
  const lack = (name: string) => ({ what: `${name} is not installed`, hint: `apt-get install ${name}`, fatal: true });
  world.problems = [lack('conmon'), { ...lack('perl'), fatal: false }, lack('runc')];
  const refused = isError('REQUIREMENT_MISSING', /conmon.*runc/);
  await assert.rejects(client.deploy({ folder }).result(), refused);
  assert.deepEqual([(await client.fleets()).fleets, (await client.images()).images], [[], []]);
  world.problems = [{ ...lack('root'), code: 'NEEDS_ROOT' }];
  await assert.rejects(client.deploy({ folder }).result(), isError('NEEDS_ROOT'));
  world.problems = [{ ...lack('perl'), fatal: false }];
  assert.equal((await client.deploy({ folder }).result()).created, true);
});

test('doctor names what the engine lacks and what bakes lack', async (t) => {
  const { client, world } = await running(t);
  const lack = (name: string) => ({ what: `${name} is not installed`, hint: `apt-get install ${name}`, fatal: false });
  world.problems = [{ ...lack('perl'), requirement: 'perl' }];
  world.machineProblems = [{ ...lack('mmdebstrap'), requirement: 'mmdebstrap' }];
  const { problems, met } = await client.doctor();
  assert.deepEqual(problems, [lack('perl'), lack('mmdebstrap')]);
  const names = met.map(({ name }) => name);
  assert.ok(!names.includes('perl') && !names.includes('mmdebstrap'), names.join(', '));
  assert.deepEqual(met.find(({ name }) => name === 'conmon')?.fix, 'apt-get install conmon');
  assert.ok(['root', 'an OCI runtime that works', 'HAProxy with Lua'].every((name) => names.includes(name)));
  assert.equal(new Set(names).size, names.length);
  // What is looked at last is not said to be there where it was not looked at.
  world.problems = [{ ...lack('conmon'), fatal: true, requirement: 'conmon' }];
  assert.ok((await client.doctor()).met.every(({ name }) => name !== 'an OCI runtime that works'));
});

const listeningOn = (folder: string, port: number, instances = '2'): void =>
  writeFileSync(
    join(folder, 'kiln.yaml'),
    YAML.replace('127.0.0.1:1', `127.0.0.1:${port}`).replace('instances: 2', `instances: ${instances}`),
  );

test('a rollback to an address that another process has by now fails at once, and nothing is begun', async (t) => {
  const { client, folder, world } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  listeningOn(folder, 2);
  await client.deploy({ folder }).result();
  await steadyAt(client, 2);
  world.takenPort = 1;
  await assert.rejects(client.rollback({ service: 'web' }), isError('PORT_IN_USE'));
  assert.equal((await client.status({ service: 'web' })).phase, 'steady');
  world.takenPort = null;
  assert.deepEqual((await client.rollback({ service: 'web' })).asked, { outcome: 'started', release: 1 });
  await steadyAt(client, 1);
  assert.deepEqual((await client.rollback({ service: 'web', to: 1 })).asked, { outcome: 'unchanged', release: 1 });
});

test('an experiment kills, is kept in the history with who asked, and ends when the fleet is whole again', async (t) => {
  const { client, folder } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  const plan = await client.planChaos({ service: 'web', seed: 3 });
  assert.deepEqual([plan.victims.length, plan.healthy, plan.left, plan.floor, plan.objections], [1, 2, 1, 1, []]);
  const begun = await client.chaos({ service: 'web', seed: 3, by: 'ada' });
  assert.deepEqual(begun.victims, plan.victims);
  const whole = ({ instances, waits }: FleetStatusBody): boolean =>
    waits.length === 0 &&
    instances.length === 2 &&
    instances.every(({ id, health }) => health === 'healthy' && id !== begun.victims[0]);
  await statusWhen(client, whole);
  const { entries } = await client.history({ service: 'web' });
  const of = (kind: string): unknown => entries.find((entry) => entry.kind === kind)?.data;
  assert.deepEqual(entries.find(({ seq }) => seq === begun.experiment)?.kind, 'chaos.begun');
  assert.partialDeepStrictEqual(of('chaos.ended'), { id: begun.experiment, outcome: 'whole', killed: 1 });
  assert.equal(of('instance.failed'), undefined);
  await assert.rejects(
    client.chaos({ service: 'web', count: 2 }),
    isError('CHAOS_REFUSED', /0 of 2 healthy instances would be left/),
  );
});

test('a size out of bounds has a code of its own', async (t) => {
  const { client, folder } = await running(t);
  listeningOn(folder, 1, '{ min: 1, desired: 2, max: 3 }');
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  await assert.rejects(client.scale({ service: 'web', size: 4 }), isError('SIZE_REFUSED'));
});

const dropHistory = ({ database }: Home): void => {
  for (const file of [database, `${database}-wal`, `${database}-shm`]) rmSync(file, { force: true });
};

test('with its history lost, what runs goes on, is shown, and is held', async (t) => {
  const { client, folder, home, restart, world } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  const before = [...world.instances.keys()];
  await restart(() => dropHistory(home));
  const { fleets, problems } = await client.fleets();
  assert.deepEqual(fleets, []);
  assert.deepEqual(
    problems.map(({ code, what }) => [code, what]),
    [['HISTORY_LOST', 'web.local: 2 instances and routing from 127.0.0.1:1 that the history does not explain']],
  );
  assert.deepEqual((await client.doctor()).problems, problems);
  assert.deepEqual((await client.start({})).problems, problems);
  world.content = 'two';
  await assert.rejects(client.deploy({ folder }).result(), isError('HISTORY_LOST'));
  await assert.rejects(client.gc(), isError('HISTORY_LOST'));
  await assert.rejects(client.status({ service: 'web' }), isError('HISTORY_LOST'));
  assert.deepEqual([[...world.instances.keys()], world.tables.size], [before, 1]);
});

test('what no history explains is drained and retired by `down`, and a deploy begins anew', async (t) => {
  const { client, folder, home, restart, world } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  await restart(() => dropHistory(home));
  assert.deepEqual(await client.shutdown({ stop: true, by: 'ada' }), { stopped: ['web.local'] });
  assert.deepEqual([world.instances.size, world.tables.size], [0, 0]);
  await restart();
  const { entries } = await client.history({});
  assert.deepEqual(entries.map(({ kind }) => kind).slice(0, 2), ['unexplained.retiring', 'step.intent']);
  assert.equal((await client.deploy({ folder }).result()).release.number, 1);
  await steadyAt(client, 1);
});

test('an older copy of the history does not make Kiln retire what is newer than it', async (t) => {
  const { client, folder, home, restart, world } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  const copy = `${home.database}.copy`;
  await restart(() => copyFileSync(home.database, copy));
  world.content = 'two';
  await client.deploy({ folder }).result();
  await steadyAt(client, 2);
  const serving = (): unknown => [[...world.instances.keys()], structuredClone(world.tables)];
  const before = serving();
  await restart(() => {
    dropHistory(home);
    copyFileSync(copy, home.database);
  });
  await client.start({});
  const status = await client.status({ service: 'web' });
  assert.match(status.trouble ?? '', /2 instances that the history does not explain/);
  assert.deepEqual(serving(), before);
  await client.shutdown({ stop: true });
  assert.equal(world.instances.size, 0);
});

const blobOf = (home: Home, digest: string): string => join(home.images, 'blobs/sha256', digest.slice('sha256:'.length));

/** Two services' images, the first of which nothing can read any more. */
async function withDamagedManifest(t: TestContext): Promise<Running & { readonly damaged: string; readonly whole: string }> {
  const all = await running(t);
  const { client, folder, home, world } = all;
  const { digest: damaged } = await client.bake({ folder }).result();
  world.content = 'two';
  const { digest: whole } = await client.bake({ folder }).result();
  writeFileSync(blobOf(home, damaged), '{}');
  return { ...all, damaged, whole };
}

test('a damaged manifest is shown as damaged, and the other images as ever', async (t) => {
  const { client, damaged, whole } = await withDamagedManifest(t);
  const { images } = await client.images();
  assert.equal(images.find(({ digest }) => digest === whole)?.damage, null);
  assert.match(images.find(({ digest }) => digest === damaged)?.damage ?? '', /sha256/);
  await assert.rejects(client.image({ reference: damaged }), isError('IMAGE_DAMAGED', /damaged on disk/));
  assert.equal((await client.image({ reference: whole })).digest, whole);
});

test('gc deletes nothing while it cannot read what a kept image needs, and goes on once it is whole', async (t) => {
  const { client, folder, home, world, damaged } = await withDamagedManifest(t);
  const loose = `sha256:${'a'.repeat(64)}`;
  writeFileSync(blobOf(home, loose), 'nobody needs it');
  utimesSync(blobOf(home, loose), 0, 0);
  const { images, blobs, unreadable } = await client.planGc();
  assert.deepEqual({ images, blobs, unreadable }, { images: [], blobs: 0, unreadable: [damaged] });
  await client.gc();
  assert.ok(existsSync(blobOf(home, loose)));
  world.content = 'one';
  assert.equal((await client.bake({ folder }).result()).digest, damaged);
  assert.equal((await client.images()).images.find(({ digest }) => digest === damaged)?.damage, null);
  assert.deepEqual((await client.gc()).blobs, 1);
});

test('a damaged or lost index of the images is written again, with the tags of the history', async (t) => {
  const { client, folder, home, restart } = await running(t);
  const { digest } = await client.bake({ folder }).result();
  await client.tagImage({ reference: digest, tag: 'web:1.0.0' });
  const names = async (): Promise<unknown> =>
    (await client.images()).images.map(({ digest: each, tags }) => [each, tags.toSorted()]);
  const before = await names();
  const index = join(home.images, 'index.json');
  for (const harm of [(): void => writeFileSync(index, '{"schemaVer'), (): void => rmSync(index)]) {
    await restart(harm);
    assert.deepEqual(await names(), before);
  }
  const { entries } = await client.history({});
  assert.equal(entries.filter(({ kind }) => kind === 'index.rebuilding').length, 2);
});

test('events go on from where a follower left off, and only of the service asked for', async (t) => {
  const { client, folder } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  const { entries } = await client.history({ service: 'web.local' });
  const last = entries.at(-4);
  assert.ok(last !== undefined);
  const seen = [];
  for await (const entry of client.events({ service: 'web', after: last.seq })) {
    seen.push(entry);
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, entries.slice(-3));
});

test('gc keeps what serves and what can be rolled back to', async (t) => {
  const { client, folder, world } = await running(t);
  for (const [index, content] of ['one', 'two'].entries()) {
    world.content = content;
    await client.deploy({ folder }).result();
    await steadyAt(client, index + 1);
  }
  assert.deepEqual((await client.planGc()).images, []);
  assert.deepEqual((await client.gc()).images, []);
  assert.equal((await client.images()).images.length, 2);
});

test('logs of a service are those of its instances', async (t) => {
  const { client, folder, world } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  const lines = [];
  for await (const line of client.logs({ target: 'web' })) lines.push(line.text);
  assert.deepEqual(lines.toSorted(), [...world.instances.keys()].map((id) => `hello from ${id}`).toSorted());
});

test('who follows the logs of a service hears instances that are launched later', async (t) => {
  const { client, folder, world } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  const heard = new Set<string>();
  for await (const { instance } of client.logs({ target: 'web', follow: true })) {
    heard.add(instance);
    if (heard.size === 2) await client.scale({ service: 'web', size: 3 });
    if (heard.size === 3) break;
  }
  assert.deepEqual([...heard].toSorted(), [...world.instances.keys()].toSorted());
});

test('metrics name the fleet and its release', async (t) => {
  const { client, folder } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  assert.match(await client.metrics(), /kiln_group_healthy\{service="web",environment="local",release="1"\} 2/);
});

test('a shutdown that stops leaves no instance, and a start brings back what was there', async (t) => {
  const { client, folder, world, stopAsked } = await running(t);
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  assert.deepEqual((await client.shutdown({ stop: true })).stopped, ['web.local' as FleetId]);
  await stopAsked;
  assert.equal(world.instances.size, 0);
  assert.equal((await client.status({ service: 'web' })).phase, 'stopped');
  await assert.rejects(client.deploy({ folder }).result(), isError('ROLLOUT_BUSY', /kiln up|stopped/));
  assert.deepEqual((await client.start({})).started, ['web.local' as FleetId]);
  await steadyAt(client, 1);
  assert.equal(world.instances.size, 2);
});

test('a daemon whose home is removed stops by itself', async (t) => {
  const { home, stopAsked } = await running(t);
  rmSync(home.root, { recursive: true });
  await stopAsked;
});

test('only the owner can look into the home, and a second daemon is refused', async (t) => {
  const { home } = await running(t);
  assert.equal(statSync(home.root).mode & 0o777, 0o700);
  assert.equal(statSync(home.socket).mode & 0o777, 0o600);
  const log = pino({ level: 'silent' });
  const second = startDaemon({
    home,
    clock: systemClock,
    log,
    configuration: new Configuration(home, {}),
    openMachine: fakeMachine(fakeWorld()),
    onStopAsked: () => {},
  });
  await assert.rejects(second, isError('DAEMON_RUNNING'));
  assert.ok(existsSync(home.socket), 'and leaves the socket of the first alone');
});
