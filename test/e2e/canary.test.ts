/** A canary on the real thing: its share of real requests, judged by what the load balancer counted. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { Client } from '../../src/client/client.ts';
import { requires } from '../requires.ts';
import { freePort, kilnUnderTest, steadyAt, until, writeService, type ServiceOptions } from './kiln-under-test.ts';
import { ask, startVisitors } from './visitors.ts';

const NEEDS = requires('root', 'runc', 'haproxy', 'mkfs.erofs', 'busybox', 'ip');
const PATH = '/cgi-bin/version';
const CANARY = `canary
  steps: [{ weight: 10%, hold: 1s }, { weight: 50%, hold: 1s }]
  judge: { slower: any, settle: 0s, wait: 60s }`;
const WATCHED = `canary
  steps: [{ weight: 20%, hold: until promoted }]
  judge: off`;

const kiln = kilnUnderTest();
const folder = mkdtempSync(join(tmpdir(), 'kiln-e2e-canary-'));
let port = 0;
let client: Client;

const write = (version: string, more: Partial<ServiceOptions> = {}): void =>
  void writeService(folder, port, { name: 'web', version, strategy: CANARY, ...more });
const deploy = () => client.deploy({ folder, by: 'the test' }).result();
const weightOf = async (release: number): Promise<number> =>
  (await client.status({ service: 'web' })).groups.find((group) => group.release === release)?.weight ?? 0;

before(async () => {
  if (NEEDS.skip !== false) return;
  port = await freePort();
  client = await kiln.client();
  write('one');
  await deploy();
  await steadyAt(client, 'web', 1);
});

after(async () => {
  if (NEEDS.skip === false) assert.deepEqual(await kiln.end(), [], 'nothing is left on the machine');
  rmSync(folder, { recursive: true });
});

test('a good release gets its share step by step, is judged, and serves; no request fails', NEEDS, async () => {
  const visitors = startVisitors(port, PATH);
  write('two');
  await deploy();
  await until('the canary has its first share', async () => (await weightOf(2)) === 1000);
  await steadyAt(client, 'web', 2);
  assert.deepEqual((await visitors.leave()).failures, []);
  const { entries } = await client.history({ service: 'web' });
  const passed = entries.filter(({ kind }) => kind === 'canary.passed').map(({ data }) => (data as { why: string }).why);
  assert.deepEqual(passed, ['judged', 'judged']);
});

test('a release that is healthy for its probe and fails its requests is judged and rolled back', NEEDS, async () => {
  const visitors = startVisitors(port, PATH);
  write('three', { failing: true });
  await deploy();
  const { ended } = await until('the rollout is over', async () => {
    const status = await client.status({ service: 'web' });
    return status.ended?.outcome === 'rolled-back' ? status : null;
  });
  assert.match(ended?.reason ?? '', /the judge failed r3 at 10 %: errors: 100 % against 0 %/);
  await until('the old release answers alone', async () => (await weightOf(2)) === 10_000);
  const { failures, versions } = await visitors.leave();
  assert.ok(failures.length < (versions.get('two') ?? 0) / 2, `${failures.length} of the canary's share failed`);
  assert.equal(await ask(port, { path: PATH }), 'two');
});

test('a step that waits for a person shows its share, survives the daemon, and goes on when promoted', NEEDS, async () => {
  write('four', { strategy: WATCHED });
  const { release } = await deploy();
  await until('the canary has its share', async () => (await weightOf(release.number)) === 2000);
  await kiln.killDaemon();
  client = await kiln.client();
  const status = await until('the new daemon waits for a person', async () => {
    const seen = await client.status({ service: 'web' });
    return seen.waits.some(({ reason }) => reason.includes('somebody to promote it')) ? seen : null;
  });
  assert.deepEqual([status.canary?.step, status.canary?.steps, status.canary?.weight], [0, 1, 2000]);
  await client.promote({ service: 'web', by: 'the test' });
  await steadyAt(client, 'web', release.number);
  assert.equal(await ask(port, { path: PATH }), 'four');
});
