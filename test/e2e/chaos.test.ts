/** Experiments on the real thing: real processes killed by `kiln chaos`, a fleet that heals, and nobody who is blamed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import type { Client, EntryBody } from '../../src/client/client.ts';
import { exec } from '../../src/platform/exec.ts';
import { requires } from '../requires.ts';
import { freePort, kilnUnderTest, steadyAt, until, writeService } from './kiln-under-test.ts';
import { ask } from './visitors.ts';

const NEEDS = requires('root', 'runc', 'haproxy', 'mkfs.erofs', 'busybox', 'ip');
const KILN = resolve(import.meta.dirname, '../../bin/kiln');

const kiln = kilnUnderTest();
const folder = mkdtempSync(join(tmpdir(), 'kiln-e2e-chaos-'));
let port = 0;
let client: Client;

const instances = async (): Promise<readonly string[]> => (await client.status({ service: 'web' })).instances.map(({ id }) => id);
const history = async (): Promise<readonly EntryBody[]> => (await client.history({ service: 'web' })).entries;
const chaos = (...args: readonly string[]) => exec(KILN, ['chaos', 'web', ...args], { env: kiln.env });

before(async () => {
  if (NEEDS.skip !== false) return;
  port = await freePort();
  client = await kiln.client();
  writeService(folder, port, { name: 'web', version: 'one' });
  await client.deploy({ folder, by: 'the test' }).result();
  await steadyAt(client, 'web', 1);
});

after(async () => {
  if (NEEDS.skip === false) assert.deepEqual(await kiln.end(), [], 'nothing is left on the machine');
  rmSync(folder, { recursive: true });
});

test('a plan kills nobody; what would leave nobody is refused', NEEDS, async () => {
  const before = await instances();
  const { stdout, code } = await chaos('--kill', '2', '--plan');
  assert.match(stdout, /would kill 2 of 3 healthy instances/);
  assert.equal(code, 0);
  const refused = await chaos('--kill', '100%');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /error\[CHAOS_REFUSED\]: web.local: 0 of 3 healthy instances would be left/);
  assert.deepEqual(await instances(), before);
});

test('what is killed is replaced, it says how long that took, and none of it counts as a failure', NEEDS, async () => {
  const before = await instances();
  const { stdout, code, stderr } = await chaos('--kill', '2', '--json');
  assert.equal(code, 0, stderr);
  const { victims, outcome, killed, tookMs } = JSON.parse(stdout) as {
    victims: string[];
    outcome: string;
    killed: number;
    tookMs: number;
  };
  assert.deepEqual([victims.length, outcome, killed], [2, 'whole', 2]);
  assert.ok(tookMs > 0 && tookMs < 40_000);
  const status = await steadyAt(client, 'web', 1);
  const now = new Set<string>(status.instances.map(({ id }) => id));
  assert.deepEqual(
    victims.filter((id) => now.has(id)),
    [],
  );
  assert.equal(before.filter((id) => now.has(id)).length, 1);
  assert.deepEqual([status.groups[0]?.failures, status.groups[0]?.brakedUntil], [0, null]);
  assert.equal(
    (await history()).some(({ kind }) => kind === 'instance.failed'),
    false,
  );
  assert.equal(await ask(port), 'one');
});

test('a daemon that is killed in the middle of one leaves no half of it', NEEDS, async () => {
  const begun = await client.chaos({ service: 'web', count: 2, by: 'the test' });
  await kiln.killDaemon();
  client = await kiln.client();
  await until('the experiment has ended', async () =>
    (await history()).some(({ kind, data }) => kind === 'chaos.ended' && (data as { id: number }).id === begun.experiment),
  );
  const { groups } = await steadyAt(client, 'web', 1);
  assert.equal(groups[0]?.failures, 0);
});
