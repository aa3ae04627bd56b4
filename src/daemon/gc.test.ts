/** gc over the API: what goes can be put back until its time has come, and nothing that a bake needs goes under its hands. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { isError, running, type Running } from './testing/running.ts';

const LONG_AGO = 1_000_000_000;

/** As if all that is stored had been stored long ago. */
function age({ home }: Running): void {
  const blobs = join(home.images, 'blobs/sha256');
  for (const name of readdirSync(blobs)) utimesSync(join(blobs, name), LONG_AGO, LONG_AGO);
}

async function olden(all: Running): Promise<void> {
  const { home, restart } = all;
  await restart(() => {
    const index = join(home.images, 'index.json');
    const { manifests, ...rest } = JSON.parse(readText(index)) as { manifests: { annotations?: Record<string, string> }[] };
    const old = manifests.map((entry) => ({
      ...entry,
      annotations: { ...entry.annotations, 'dev.kiln.stored-at': new Date(LONG_AGO * 1000).toISOString() },
    }));
    writeFileSync(index, JSON.stringify({ ...rest, manifests: old }));
    age(all);
  });
}

const readText = (path: string): string => readFileSync(path, 'utf8');

/** Two versions of one service, long ago. */
async function withTwoImages(t: TestContext): Promise<Running & { readonly one: string; readonly two: string }> {
  const all = await running(t);
  const { client, folder, world } = all;
  const one = (await client.bake({ folder }).result()).digest;
  await client.tagImage({ reference: one, tag: 'web:1.0.0' });
  world.content = 'two';
  const two = (await client.bake({ folder, channel: 'dev' }).result()).digest;
  await olden(all);
  return { ...all, one, two };
}

const blobOf = ({ home }: Running, digest: string): string => join(home.images, 'blobs/sha256', digest.slice('sha256:'.length));

test('what goes is in the trash first, can be put back with its tags, and is deleted when its time has come', async (t) => {
  const all = await withTwoImages(t);
  const { client, one, two } = all;
  const plan = await client.planGc({ keep: 0 });
  assert.deepEqual(
    [plan.images.map(({ digest }) => digest), plan.stays.map(({ digest, why }) => [digest, why])],
    [[one], [[two, ['held by web.dev']]]],
  );
  await client.gc({ keep: 0 });
  await assert.rejects(client.image({ reference: 'web:1.0.0' }), isError('IMAGE_NOT_FOUND'));
  assert.deepEqual(
    (await client.trash()).images.map(({ image }) => image),
    [one],
  );
  age(all);
  assert.deepEqual((await client.gc({ keep: 0 })).deleted, [], 'not before its time');
  assert.ok(existsSync(blobOf(all, one)));

  const { restored } = await client.restore({ image: 'web:1.0.0' });
  assert.deepEqual(
    restored.map(({ image }) => image),
    [one],
  );
  assert.equal((await client.image({ reference: 'web:1.0.0' })).digest, one);
  await assert.rejects(client.restore({}), isError('NOT_FOUND', /the trash is empty/));

  await olden(all);
  await client.gc({ keep: 0, trashMs: 0 });
  age(all);
  assert.deepEqual(
    (await client.gc({ keep: 0 })).deleted.map(({ image }) => image),
    [one],
  );
  assert.equal(existsSync(blobOf(all, one)), false);
  assert.ok(existsSync(blobOf(all, two)));
  assert.deepEqual(
    (await client.images()).images.map(({ digest }) => digest),
    [two],
  );
});

test('an image that is baked again while it is in the trash is trash no more', async (t) => {
  const all = await withTwoImages(t);
  const { client, folder, world, one } = all;
  await client.gc({ keep: 0, trashMs: 0 });
  world.content = 'one';
  assert.equal((await client.bake({ folder }).result()).digest, one);
  age(all);
  assert.deepEqual((await client.gc({ keep: 3 })).deleted, []);
  assert.equal((await client.image({ reference: one })).digest, one);
});

test('the policy comes from retention.yaml, and a slip in it is said', async (t) => {
  const all = await withTwoImages(t);
  const { client, home, one } = all;
  writeFileSync(join(home.root, 'retention.yaml'), 'keep: 0\ntrash: 2d\n');
  const plan = await client.planGc();
  assert.deepEqual([plan.images.map(({ digest }) => digest), plan.trashMs], [[one], 2 * 86_400_000]);
  assert.deepEqual((await client.planGc({ keep: 2 })).images, [], 'a flag goes over the file');
  for (const [text, code, why] of [
    ['keeep: 1', 'CONFIG_INVALID', /keeep/],
    ['trash: soon', 'CONFIG_INVALID', /trash: expected a duration/],
    ['[', 'CONFIG_SYNTAX', /retention.yaml/],
  ] as const) {
    writeFileSync(join(home.root, 'retention.yaml'), text);
    await assert.rejects(client.planGc(), isError(code, why));
  }
});

test('gc in a loop takes nothing from bakes beside it', async (t) => {
  const all = await running(t);
  const { client, folder, world } = all;
  const baked = new AbortController();
  const collected = (async () => {
    let rounds = 0;
    for (; !baked.signal.aborted; rounds++) {
      age(all);
      await client.gc({ keep: 1, trashMs: 0 });
    }
    return rounds;
  })();
  for (let version = 1; version <= 25; version++) {
    world.content = `version ${version % 7}`;
    const { digest, tags } = await client.bake({ folder }).result();
    assert.equal((await client.image({ reference: tags[0] ?? '' })).digest, digest, 'whole, and under its name');
  }
  baked.abort();
  assert.ok((await collected) > 0);
});
