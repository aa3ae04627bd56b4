/** Canaries that go by something else than a share of the requests, on the real thing. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { Client, FleetStatusBody } from '../../src/client/client.ts';
import { requires } from '../requires.ts';
import { freePort, kilnUnderTest, steadyAt, until, writeService, type ServiceOptions } from './kiln-under-test.ts';
import { startVisitors } from './visitors.ts';

const NEEDS = requires('root', 'runc', 'haproxy', 'mkfs.erofs', 'busybox', 'ip');
const PATH = '/cgi-bin/version';
const MIRRORED = `canary
  steps: [{ mirror: 100%, hold: 1s }]
  judge: { slower: any, settle: 0s, wait: 60s }`;
const CHOSEN = `canary
  sticky: { header: X-User }
  steps:
    - { when: { header: X-Canary, is: "yes" }, hold: until promoted }
    - { instances: 1, hold: until promoted }
  judge: off`;

const kiln = kilnUnderTest();
const folder = mkdtempSync(join(tmpdir(), 'kiln-e2e-rules-'));
let port = 0;
let client: Client;

async function deploy(version: string, more: Partial<ServiceOptions>): Promise<number> {
  writeService(folder, port, { name: 'web', version, ...more });
  const { release } = await client.deploy({ folder, by: 'the test' }).result();
  return release.number;
}
const version = async (headers: Record<string, string> = {}): Promise<string> =>
  (await fetch(`http://127.0.0.1:${port}${PATH}`, { headers })).text();
const atStep = (step: number): Promise<FleetStatusBody> =>
  until(`the canary waits at step ${step}`, async () => {
    const status = await client.status({ service: 'web' });
    return status.canary?.step === step && status.waits.some(({ reason }) => reason.includes('promote')) ? status : null;
  });

before(async () => {
  if (NEEDS.skip !== false) return;
  port = await freePort();
  client = await kiln.client();
  await deploy('one', { strategy: MIRRORED });
  await steadyAt(client, 'web', 1);
});

after(async () => {
  if (NEEDS.skip === false) assert.deepEqual(await kiln.end(), [], 'nothing is left on the machine');
  rmSync(folder, { recursive: true });
});

test('a release that fails its requests is judged by copies of them and goes, and no client ever saw it', NEEDS, async () => {
  const visitors = startVisitors(port, PATH);
  await deploy('two', { strategy: MIRRORED, failing: true });
  const { ended } = await until('the rollout is over', async () => {
    const status = await client.status({ service: 'web' });
    return status.ended?.outcome === 'rolled-back' ? status : null;
  });
  assert.match(ended?.reason ?? '', /the judge failed r2 on a copy of 100 %: errors: 100 % against 0 %/);
  const { failures, versions } = await visitors.leave();
  assert.deepEqual(failures, []);
  assert.deepEqual([...versions.keys()], ['one']);
});

test('a good release is judged by copies of requests, then serves them', NEEDS, async () => {
  const visitors = startVisitors(port, PATH);
  const release = await deploy('three', { strategy: MIRRORED });
  await steadyAt(client, 'web', release);
  assert.deepEqual((await visitors.leave()).failures, []);
  assert.equal(await version(), 'three');
});

test(
  'those who ask for it meet the canary first, then as many as its instances carry; a daemon that dies changes nothing',
  NEEDS,
  async () => {
    await deploy('four', { strategy: CHOSEN });
    const first = await atStep(0);
    assert.deepEqual(
      [first.canary?.kind, first.canary?.what, first.canary?.weight],
      ['match', 'for the header X-Canary: yes', 0],
    );
    await kiln.killDaemon();
    client = await kiln.client();
    assert.deepEqual([await version({ 'x-canary': 'yes' }), await version()], ['four', 'three']);

    await client.promote({ service: 'web', by: 'the test' });
    const second = await atStep(1);
    assert.deepEqual([second.canary?.kind, second.canary?.what, second.canary?.weight], ['instances', 'with 1 instance', 2500]);
    assert.equal(await version({ 'x-canary': 'yes' }), 'four', 'who matched before stays');
    const users = Array.from({ length: 40 }, (_, user) => ({ 'x-user': `user ${user}` }));
    const sides = await Promise.all(users.map(version));
    assert.equal(new Set(sides).size, 2);
    assert.deepEqual(await Promise.all(users.map(version)), sides, 'a client stays on its side');

    await client.abort({ service: 'web', by: 'the test' });
    await until('the old release answers everybody', async () => {
      const all = await Promise.all([...users, { 'x-canary': 'yes' }].map(version));
      return all.every((each) => each === 'three');
    });
  },
);
