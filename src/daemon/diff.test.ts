/** What differs between two images, releases and channels, asked of a daemon. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { isError, running, steadyAt, YAML, type Running } from './testing/running.ts';
import { vulnerabilityFolder } from './vulnerability-verbs.ts';

/** Two releases: another image, and another environment. */
async function deployedTwice({ client, folder, world }: Running): Promise<void> {
  await client.deploy({ folder }).result();
  await steadyAt(client, 1);
  world.content = 'two';
  writeFileSync(join(folder, 'kiln.yaml'), YAML.replace('port: 3000', 'port: 3000, env: { LOG_LEVEL: debug, TOKEN: abc }'));
  await client.deploy({ folder }).result();
  await steadyAt(client, 2);
}

test('two releases: their images, and what they are launched with', async (t) => {
  const run = await running(t);
  const { client } = run;
  await deployedTwice(run);
  const diff = await client.diff({ first: 'web.r1', second: 'r2' });
  assert.deepEqual(
    [diff.first.release, diff.second.release, diff.same],
    [{ fleet: 'web.local', number: 1 }, { fleet: 'web.local', number: 2 }, false],
  );
  assert.deepEqual(
    diff.launch?.map(({ where, second, hidden }) => [where.join(' '), second, hidden]),
    [
      ['env LOG_LEVEL', 'debug', false],
      ['env TOKEN', null, true],
    ],
  );
  assert.deepEqual(
    diff.image?.files.listed.map(({ path, what }) => [path, ...what]),
    [['/app', 'content']],
  );
  assert.deepEqual([diff.image?.layers.first.length, diff.image?.layers.second.length], [1, 1]);
  assert.equal(diff.image?.vulnerabilities, null);

  const back = await client.diff({ first: 'web.local.r2', second: 'web.r2' });
  assert.deepEqual([back.same, back.image, back.launch], [true, null, []]);
});

test('images and channels; a release beside an image has nothing to compare its launch with', async (t) => {
  const run = await running(t);
  const { client } = run;
  await deployedTwice(run);
  const { releases } = await client.releases({ service: 'web' });
  const [one = '', two = ''] = releases.map(({ image }) => image);
  await client.setChannel({ channel: 'web.production', image: one });
  const promoted = await client.diff({ first: 'web.production', second: two, texts: true });
  assert.deepEqual([promoted.first.digest, promoted.launch], [one, null]);
  assert.deepEqual(promoted.image?.files.listed[0]?.text?.lines.slice(0, 2), ['@@ -1,1 +1,1 @@', '-one on nothing']);
  assert.equal((await client.diff({ first: 'web.r1', second: 'web.production' })).same, true);

  await client.setChannel({ channel: 'web.r1', image: two });
  assert.equal((await client.diff({ first: 'web.r1', second: two })).same, true, 'a channel of that name is meant first');
  assert.equal((await client.diff({ first: 'web.local.r1', second: one })).same, true);
});

test('vulnerabilities where there is data, and in the words of the package', async (t) => {
  const run = await running(t);
  await deployedTwice(run);
  const folder = vulnerabilityFolder(run.home);
  mkdirSync(folder, { recursive: true });
  const record = {
    id: 'OSV-1',
    modified: '2026-11-01T00:00:00Z',
    affected: [{ package: { ecosystem: 'npm', name: 'left-pad' } }],
  };
  writeFileSync(join(folder, 'osv.json'), JSON.stringify(record));
  const { image } = await run.client.diff({ first: 'web.r1', second: 'web.r2' });
  assert.deepEqual([image?.vulnerabilities?.new, image?.vulnerabilities?.gone], [[], []]);
});

test('what is not there is said, with what is; of a release whose image is gone the launch is compared', async (t) => {
  const run = await running(t);
  const { client, home } = run;
  await deployedTwice(run);
  await assert.rejects(client.diff({ first: 'web.r1', second: 'web.r9' }), isError('NOT_FOUND', /web.local has no release r9/));
  await assert.rejects(client.diff({ first: 'shop.r1', second: 'web.r1' }), isError('NOT_FOUND', /no service "shop"/));
  await assert.rejects(client.diff({ first: 'web:9', second: 'web.r1' }), isError('IMAGE_NOT_FOUND'));
  await assert.rejects(client.diff({ first: 'web.r1', second: `sha256:${'0'.repeat(64)}` }), isError('IMAGE_NOT_FOUND'));
  const { releases } = await client.releases({ service: 'web' });
  rmSync(join(home.images, 'blobs', 'sha256', (releases[0]?.image ?? '').slice('sha256:'.length)));
  const diff = await client.diff({ first: 'web.r1', second: 'web.r2' });
  assert.match(diff.unread ?? '', /the image [0-9a-f]{8} of web.r1 can't be read/);
  assert.deepEqual([diff.image, diff.launch?.length, diff.same], [null, 2, false]);
});
