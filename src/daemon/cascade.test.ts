/** Cascades over the API, on a faked machine: in order, a branch at a time, and on from where a daemon was killed. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { Client } from '../client/client.ts';
import { systemClock } from '../platform/clock.ts';
import { openJournal } from '../store/sqlite.ts';
import { isError, running, type Running } from './testing/running.ts';

interface Family extends Running {
  readonly folders: Readonly<Record<string, string>>;
  readonly images: Readonly<Record<string, string>>;
}

/** base → runtime → web and api, and apart, each in its channel `stable`. */
async function family(t: TestContext): Promise<Family> {
  const all = await running(t);
  const on: Readonly<Record<string, string>> = {
    base: 'scratch',
    runtime: 'base',
    web: 'runtime',
    api: 'runtime',
    apart: 'scratch',
  };
  const folders: Record<string, string> = {};
  const images: Record<string, string> = {};
  for (const [name, base] of Object.entries(on)) {
    const folder = join(dirname(all.folder), `of-${name}`);
    mkdirSync(folder);
    const from = base === 'scratch' ? base : `channel:${base}.stable`;
    writeFileSync(join(folder, 'kiln.yaml'), `service: ${name}\nimage: { from: "${from}", entrypoint: [/app] }\n`);
    folders[name] = folder;
    images[name] = (await all.client.bake({ folder, channel: 'stable' }).result()).digest;
  }
  return { ...all, folders, images };
}

/** The base's next image, in its channel. */
async function renew({ client, world, folders }: Family): Promise<string> {
  world.content = 'renewed';
  const { digest } = await client.bake({ folder: folders['base'] ?? '', channel: 'stable' }).result();
  world.content = 'one';
  return digest;
}

const held = async (client: Client): Promise<Record<string, string>> =>
  Object.fromEntries((await client.channels()).channels.map(({ service, image }) => [service, image]));

test('what stands on a base is made again in order, each on what was just made, and its channels move', async (t) => {
  const all = await family(t);
  const { client, images } = all;
  assert.deepEqual((await client.planCascade({})).steps, [], 'nothing has moved');
  const base = await renew(all);
  const { bases } = await client.bases({});
  assert.deepEqual(
    bases.filter(({ moved }) => moved).map(({ name, services, newest }) => [name, services, newest]),
    [['channel:base.stable', ['runtime'], base]],
  );
  const { results } = await client.cascade({ image: images['base'] ?? '', by: 'ada' }).result();
  assert.deepEqual(
    results.map(({ key, outcome, moved }) => [key.split('\n')[1], outcome, moved]),
    [
      ['runtime', 'made', ['runtime.stable']],
      ['api', 'made', ['api.stable']],
      ['web', 'made', ['web.stable']],
    ],
  );
  const now = await held(client);
  const { ancestors } = await client.lineage({ reference: 'web.stable' });
  assert.deepEqual(
    ancestors.map(({ image }) => image),
    [now['runtime'], base],
  );
  assert.equal(now['apart'], images['apart']);
  const { moves } = await client.channelHistory({ channel: 'web.stable' });
  assert.deepEqual(moves.map(({ how, by }) => [how, by]).at(-1), ['cascade', 'ada']);
  assert.deepEqual((await client.planCascade({})).steps, [], 'all stand on what there is now');
});

test('a branch stops at its first failure, others go on, and each says why', async (t) => {
  const all = await family(t);
  const { client, folders, images } = all;
  await renew(all);
  rmSync(folders['api'] ?? '', { recursive: true });
  const one = await client.cascade({ image: images['base'] ?? '' }).result();
  assert.deepEqual(
    one.results.map(({ key, outcome }) => [key.split('\n')[1], outcome]),
    [
      ['runtime', 'made'],
      ['api', 'failed'],
      ['web', 'made'],
    ],
  );
  assert.match(one.results[1]?.why ?? '', /there is no kiln.yaml/);

  const { runtime = '', web: before } = await held(client);
  writeFileSync(join(folders['runtime'] ?? '', 'kiln.yaml'), 'service: other\nimage: { from: scratch }\n');
  const two = await client.cascade({ image: (await held(client))['base'] ?? '' }).result();
  assert.deepEqual(
    two.results.map(({ key, outcome }) => [key.split('\n')[1], outcome]),
    [
      ['runtime', 'failed'],
      ['web', 'skipped'],
    ],
  );
  const after = await held(client);
  assert.deepEqual([after['runtime'], after['web']], [runtime, before]);
});

test('a daemon that starts again goes on with the cascade that was under way', async (t) => {
  const all = await family(t);
  const { client, home, images, restart } = all;
  const base = await renew(all);
  const { steps } = await client.planCascade({ image: images['base'] ?? '' });
  assert.equal(steps.length, 3);
  await restart(() => {
    const journal = openJournal(home.database, systemClock);
    journal.append([
      { fleet: null, kind: 'cascade.started', data: { steps: structuredClone(steps) as unknown as [], by: 'ada' } },
    ]);
    journal.close();
  });
  await entryOf(client, 'cascade.finished');
  const { ancestors } = await client.lineage({ reference: 'web.stable' });
  assert.equal(ancestors.at(-1)?.image, base);
  const { entries } = await client.history({});
  assert.equal(entries.filter(({ kind }) => kind === 'cascade.step').length, 3);
});

/** web is of Debian, which has a newer package by now; what it asks for is in watch.yaml from the next start on. */
async function watched(t: TestContext, settings: string): Promise<Running> {
  const all = await running(t);
  const { client, folder, home, world, restart } = all;
  writeFileSync(join(folder, 'kiln.yaml'), 'service: web\nimage: { from: "debian:bookworm", entrypoint: [/app] }\n');
  await client.bake({ folder, channel: 'stable' }).result();
  world.newer = [{ name: 'libssl3', from: '3.0.20', to: '3.0.22' }];
  world.content = 'with a newer libssl3';
  await restart(() => writeFileSync(join(home.root, 'watch.yaml'), settings));
  return all;
}

test('a watch of bases tells what has moved, in the history, in `kiln bases` and in the status, and makes nothing again', async (t) => {
  const { client } = await watched(t, 'every: 6h\n');
  await entryOf(client, 'packages.moved');
  const { bases, watch } = await client.bases({});
  assert.deepEqual(
    bases.map(({ name, moved, packages }) => [name, moved, packages]),
    [['debian:bookworm', true, [{ name: 'libssl3', from: '3.0.20', to: '3.0.22' }]]],
  );
  assert.deepEqual(watch, { everyMs: 21_600_000, cascades: false });
  assert.match((await client.fleets()).problems[0]?.what ?? '', /stand on what has moved since: debian:bookworm/);
  const { entries } = await client.history({});
  assert.equal(entries.filter(({ kind }) => kind.startsWith('cascade.')).length, 0);
  await client.bases({ check: true });
  const again = (await client.history({})).entries.filter(({ kind }) => kind === 'packages.moved');
  assert.equal(again.length, 1, 'what is known is no news');
});

test('a watch that is told to makes again what stands on what has moved', async (t) => {
  const { client } = await watched(t, 'every: 6h\ncascade: true\n');
  const before = (await client.channel({ channel: 'web.stable' })).image;
  await entryOf(client, 'cascade.finished');
  const { moves } = await client.channelHistory({ channel: 'web.stable' });
  assert.deepEqual([moves.at(-1)?.how, moves.at(-1)?.by], ['cascade', 'the watch of bases']);
  assert.notEqual(moves.at(-1)?.image, before);
});

test('a watch.yaml that cannot be followed is told by `kiln bases`, and keeps the daemon from nothing', async (t) => {
  const { client } = await watched(t, 'every: often\n');
  await assert.rejects(client.bases({}), isError('CONFIG_INVALID', /watch\.yaml: every: expected a duration/));
  assert.equal((await client.channels()).channels.length, 1);
});

async function entryOf(client: Client, kind: string): Promise<void> {
  const enough = new AbortController();
  for await (const entry of client.events({ after: 1 }, { signal: enough.signal })) if (entry.kind === kind) return;
}

test('law 1: a bake that makes a revoked image again boots nothing and gives it no name', async (t) => {
  const { client, folder } = await running(t);
  const { digest } = await client.bake({ folder }).result();
  await client.revoke({ reference: digest });
  await assert.rejects(client.bake({ folder }).result(), isError('IMAGE_REVOKED', /this bake makes image/));
});
