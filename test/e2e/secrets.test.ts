/**
 * Values that are kept elsewhere, for real: an etcd, a daemon, instances, `kill -9`. After each part of the story everything is
 * searched for every value that was planted (law 10). One story, in order.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import type { Client } from '../../src/client/client.ts';
import { startEtcd, type TestEtcd } from '../../src/config/testing/etcd.ts';
import { exec, type ExecResult } from '../../src/platform/exec.ts';
import { requires } from '../requires.ts';
import { freePort, kilnUnderTest, steadyAt, until } from './kiln-under-test.ts';
import { Planted } from './planted.ts';
import { ask } from './visitors.ts';

const NEEDS = requires('root', 'runc', 'haproxy', 'mkfs.erofs', 'busybox', 'ip', 'etcd');
const KILN = resolve(import.meta.dirname, '../../bin/kiln');

const root = mkdtempSync(join(tmpdir(), 'kiln-secrets-'));
const folder = join(root, 'web');
const kiln = kilnUnderTest({ KILN_SECRETS_KEY_FILE: join(root, 'secrets.key'), VAULT_TOKEN: '' });
const planted = new Planted();
/** All that any command has said. */
const said: string[] = [];
let etcd: TestEtcd;
let client: Client;
let port = 0;
let token = '';

const draw = (name: string): string => planted.plant(name, `${name}-${randomBytes(12).toString('hex')}`);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A site that tells only the hash of what it was launched with. */
const DIGEST = `#!/bin/busybox sh
echo
printf %s "$DATABASE_URL" | /bin/busybox sha256sum
printf %s "$API_TOKEN" | /bin/busybox sha256sum
/bin/busybox sha256sum < /run/secrets/TLS_KEY
`;

function write(change: { readonly entrypoint?: string; readonly url?: string } = {}): void {
  const { entrypoint = '[/bin/busybox, httpd, -f, -p, "3000", -h, /www]', url = 'etcd://prod/web/database-url' } = change;
  mkdirSync(join(folder, 'www/cgi-bin'), { recursive: true });
  copyFileSync('/bin/busybox', join(folder, 'busybox'));
  writeFileSync(join(folder, 'www/healthz'), 'ok');
  writeFileSync(join(folder, 'www/cgi-bin/version'), DIGEST, { mode: 0o755 });
  writeFileSync(
    join(folder, 'kiln.yaml'),
    `service: web
image:
  from: scratch
  files: [{ from: busybox, to: /bin/busybox }, { from: www, to: /www }]
  entrypoint: ${entrypoint}
  ports: [3000]
run:
  instances: 2
  health: { http: /healthz, every: 200ms, deadline: 5s }
  stop: { grace: 200ms }
  drain: { requests: 1s, streams: 1s }
  secrets:
    DATABASE_URL: ${url}
    API_TOKEN: env://API_TOKEN
    TLS_KEY: { from: etcd://prod/web/tls-key, as: file }
replace: { warm-up: 0s, keep: 10m }
environments: { local: { listen: "127.0.0.1:${port}" } }
`,
  );
}

async function run(...args: readonly string[]): Promise<ExecResult> {
  const result = await exec(KILN, [...args], { env: { ...kiln.env, API_TOKEN: token, NO_COLOR: '1' } });
  said.push(result.stdout, result.stderr);
  return result;
}

async function deploys(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('deploy', folder, ...args);
  assert.equal(code, 0, stderr);
}

/** What the instances that serve were launched with. */
async function serves(values: { readonly url: string; readonly token: string; readonly key: string }): Promise<void> {
  const wanted = [values.url, values.token, values.key].map((value) => `${sha256(value)}  -`).join('\n');
  await until('instances have the values', async () => (await ask(port, { path: '/cgi-bin/version' })).trim() === wanted);
}

/** Everywhere. */
async function nowhere(): Promise<void> {
  const answers = await Promise.all([
    client.fleets(),
    client.status({ service: 'web' }),
    client.releases({ service: 'web' }),
    client.configuration({ service: 'web' }),
    client.history({ limit: 10_000 }),
    client.images(),
    client.doctor(),
    client.metrics(),
    client.planGc(),
  ]);
  assert.deepEqual(
    {
      answers: planted.in(JSON.stringify(answers)),
      said: planted.in(said.join('\n')),
      disk: planted.onDisk(kiln.home),
      memory: planted.inMemory(kiln.home),
      processes: planted.inProcesses(kiln.home),
    },
    { answers: [], said: [], disk: [], memory: [], processes: [] },
  );
}

const first = { url: draw('url-1'), token: draw('token-1'), key: `${draw('key-1a')}\n${draw('key-1b')}\n` };
const second = { ...first, url: draw('url-2') };

before(async () => {
  if (NEEDS.skip !== false) return;
  writeFileSync(join(root, 'secrets.key'), randomBytes(32).toString('base64'), { mode: 0o600 });
  port = await freePort();
  etcd = await startEtcd();
  await etcd.put('prod/web/database-url', first.url);
  await etcd.put('prod/web/tls-key', first.key);
  writeFileSync(join(kiln.home.root, 'sources.yaml'), `etcd: { addresses: ["${etcd.address}"] }\n`);
  ({ token } = first);
});

after(async () => {
  if (NEEDS.skip === false) {
    await etcd[Symbol.asyncDispose]();
    assert.deepEqual(await kiln.end(), [], 'nothing is left on the machine');
  }
  rmSync(root, { recursive: true });
});

test('the search finds what is there: in an instance, and wherever it is put', NEEDS, () => {
  const probe = new Planted();
  const value = probe.plant('probe', 'a value with "quotes" and spaces');
  for (const form of [value, JSON.stringify(value), encodeURIComponent(value), Buffer.from(value).toString('hex')])
    assert.deepEqual(probe.in(`something ${form} something`), ['probe']);
  for (const text of ['', 'x', 'xx']) assert.deepEqual(probe.in(Buffer.from(`${text}${value}y`).toString('base64')), ['probe']);
  assert.deepEqual(probe.in('another value'), []);
});

test('a first deploy, which starts the daemon, delivers them to the instances and to nothing else', NEEDS, async () => {
  write();
  await deploys();
  client = await kiln.client();
  await steadyAt(client, 'web', 1);
  await serves(first);
  const [instance = ''] = readdirSync(join(kiln.home.run, 'instances'));
  const config = readFileSync(join(kiln.home.run, 'instances', instance, 'config.json'), 'utf8');
  assert.deepEqual(planted.in(config), ['url-1', 'token-1'], 'the search knows them where they may be');
  await nowhere();
});

test('a changed value is drift of configuration, and a release by deploy', NEEDS, async () => {
  assert.equal((await run('config', 'web')).code, 0);
  await etcd.put('prod/web/database-url', second.url);
  const status = await run('status', 'web');
  assert.match(
    status.stdout,
    /● DATABASE_URL has drifted: etcd:\/\/prod\/web\/database-url is at version \d+; the release has version \d+/,
  );
  const config = await run('config', 'web');
  assert.equal(config.code, 3);
  assert.match(
    config.stdout,
    /● DATABASE_URL +etcd:\/\/prod\/web\/database-url {3}is at version \d+; the release has version \d+/,
  );
  assert.match(config.stdout, /· API_TOKEN +env:\/\/API_TOKEN {3}value [0-9a-f]{8}; only who deploys has it/);
  const plan = await run('deploy', folder, '--plan');
  assert.equal(plan.code, 3);
  assert.match(plan.stdout, /~ DATABASE_URL {3}etcd:\/\/prod\/web\/database-url {3}version \d+ → version \d+/);
  await serves(first);
  await deploys();
  await steadyAt(client, 'web', 2);
  await serves(second);
  assert.equal((await run('config', 'web')).code, 0);
  await nowhere();
});

test('a killed daemon and a killed instance come back without any source', NEEDS, async () => {
  await etcd.stop();
  await kiln.killDaemon();
  client = await kiln.client();
  const { instances } = await client.status({ service: 'web' });
  const victim = instances.find(({ release }) => release === 2);
  assert.ok(victim !== undefined);
  process.kill(Number(readFileSync(join(kiln.home.run, 'instances', victim.id, 'pid'), 'utf8')), 'SIGKILL');
  await until('another one is there', async () => {
    const now = (await client.status({ service: 'web' })).instances.filter(
      ({ release, health }) => release === 2 && health === 'healthy',
    );
    return now.length === 2 && now.every(({ id }) => id !== victim.id);
  });
  for (let asked = 0; asked < 10; asked++) await serves(second);
  await nowhere();
});

test('a rollback brings the old values back, byte for byte, also while the source is down', NEEDS, async () => {
  assert.equal((await run('rollback', 'web')).code, 0);
  await steadyAt(client, 'web', 1);
  await serves(first);
  await nowhere();
});

test('deploys that fail, in every way, leave the fleet as it is and say no value', NEEDS, async () => {
  const fails = async (exit: number, message: RegExp): Promise<void> => {
    const { code, stderr } = await run('deploy', folder);
    assert.equal(code, exit, stderr);
    assert.match(stderr, message);
  };
  await fails(6, /SOURCE_UNREACHABLE.*ECONNREFUSED/s);
  await etcd.start();
  write({ url: 'etcd://prod/web/nothing' });
  await fails(2, /VALUE_NOT_FOUND.*etcd has nothing under that name/s);
  write({ url: 'vault://secret/web#url' });
  await fails(2, /SOURCE_UNKNOWN.*nothing says where vault is/s);
  write({ url: draw('in-kiln-yaml') });
  await fails(2, /CONFIG_INVALID.*expected a reference/s);
  // It quotes a value as its last word. Its own log has it, as whatever an instance prints; nothing else does.
  const last = planted.plant('printed', `printed-${randomBytes(12).toString('hex')}`, /^logs\/web\/local\//);
  await etcd.put('prod/web/printed', last);
  write({ url: 'etcd://prod/web/printed', entrypoint: '[/bin/busybox, sh, -c, "echo cannot reach $DATABASE_URL; exit 1"]' });
  await fails(4, /ROLLED_BACK/);
  write();
  await serves(first);
  await nowhere();
});

/** In the middle of a deploy: told by what the history or the disk has by then. */
const MOMENTS: Readonly<Record<string, (before: { readonly entries: number; readonly sealed: number }) => Promise<boolean>>> = {
  'when it has been asked for': async ({ entries }) => (await newestEntry()) > entries,
  'when a value is sealed': async ({ sealed }) => readdirSync(kiln.home.sealed).length > sealed,
  'when its rollout has begun': async ({ entries }) => (await newestEntry()) > entries + 5,
  'when its instances are launched': async ({ entries }) => (await newestEntry()) > entries + 12,
};

const newestEntry = async (): Promise<number> => (await client.history({ newest: true, limit: 1 })).entries[0]?.seq ?? 0;

test('deploys whose daemon is killed at any moment leave no value behind', NEEDS, async () => {
  for (const [moment, isThere] of Object.entries(MOMENTS)) {
    await etcd.put('prod/web/database-url', draw(`killed ${moment}`));
    const before = { entries: await newestEntry(), sealed: readdirSync(kiln.home.sealed).length };
    const deploying = run('deploy', folder, '--no-wait');
    await until(`the daemon may be killed ${moment}`, () => isThere(before));
    await kiln.killDaemon();
    await deploying;
    client = await kiln.client();
    await until('the fleet is at rest', async () => (await client.status({ service: 'web' })).phase === 'steady');
    await nowhere();
  }
  const last = draw('last');
  await etcd.put('prod/web/database-url', last);
  await deploys();
  await serves({ ...first, url: last });
  await nowhere();
});

test('gc forgets what no rollback goes back to', NEEDS, async () => {
  const [{ releases }, { serving }] = await Promise.all([client.releases({ service: 'web' }), client.status({ service: 'web' })]);
  const before = readdirSync(kiln.home.sealed);
  const { values } = await client.gc();
  const kept = readdirSync(kiln.home.sealed);
  assert.equal(kept.length, before.length - values);
  const needed = releases.find(({ number }) => number === serving)?.references.map(({ pin }) => pin.fingerprint) ?? [];
  assert.equal(needed.length, 3);
  for (const fingerprint of needed) assert.ok(kept.includes(fingerprint));
  await nowhere();
});
