/** Configuration that is kept elsewhere, through the daemon: pinned, compared, brought back, forgotten; its values told nowhere. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { Client } from '../client/client.ts';
import { isError, running, statusWhen, steadyAt, type Running } from './testing/running.ts';

const yaml = (files: string, rest = ''): string => `service: web
image: { from: scratch, entrypoint: [/app] }
run:
  port: 3000
  health: { tcp: true }
  env: { TOKEN: { from: env://TOKEN } }
  secrets: { URL: file://${files}/url, KEY: { from: file://${files}/key, as: file } }
replace: { warm-up: 0s }
environments: { local: { listen: "127.0.0.1:1" } }
${rest}`;

interface Configured extends Running {
  /** Of the values. */
  readonly files: string;
  /** Sets a value at its source. */
  readonly set: (name: 'url' | 'key', value: string) => void;
  readonly deploy: (token?: string) => ReturnType<ReturnType<Client['deploy']>['result']>;
}

async function configured(t: TestContext): Promise<Configured> {
  const all = await running(t);
  const { home, folder, client } = all;
  const files = join(folder, '..', 'values');
  mkdirSync(files);
  writeFileSync(join(folder, 'kiln.yaml'), yaml(files));
  writeFileSync(join(home.root, 'sources.yaml'), `files: [${files}]\n`);
  const set = (name: string, value: string): void => writeFileSync(join(files, name), value);
  set('url', 'url-hunter-1');
  set('key', 'key-hunter-1');
  const deploy = (token = 'token-hunter-1') => client.deploy({ folder, variables: { TOKEN: token } }).result();
  return { ...all, files, set, deploy };
}

const SECRET = /hunter/;

test('a release has its references pinned, and no value is told by any answer or kept in the home', async (t) => {
  const { client, deploy, home, folder } = await configured(t);
  const deployed = await deploy();
  await steadyAt(client, 1);
  assert.deepEqual(
    deployed.release.references.map(({ from, to }) => `${from.replace(/.*\//, '')} ${to}`),
    ['key /run/secrets/KEY', 'TOKEN TOKEN', 'url URL'],
  );
  assert.deepEqual(
    deployed.configuration.map(({ to, was }) => [to, was]),
    [
      ['/run/secrets/KEY', null],
      ['TOKEN', null],
      ['URL', null],
    ],
  );
  const answers = await Promise.all([
    client.status({ service: 'web' }),
    client.fleets(),
    client.releases({ service: 'web' }),
    client.configuration({ service: 'web' }),
    client.history(),
    client.planDeploy({ folder, variables: { TOKEN: 'token-hunter-2' } }).result(),
    client.planGc(),
    client.metrics(),
  ]);
  assert.doesNotMatch(JSON.stringify([deployed, answers]), SECRET);
  for (const name of readdirSync(home.root, { recursive: true, withFileTypes: true }))
    if (name.isFile()) assert.doesNotMatch(readFileSync(join(name.parentPath, name.name), 'latin1'), SECRET, name.name);
  assert.equal(readdirSync(home.sealed).length, 3);
});

test('nothing changed is no release; a changed value is drift, and a release by deploy', async (t) => {
  const { client, deploy, set, folder } = await configured(t);
  await deploy();
  await steadyAt(client, 1);
  assert.deepEqual((await client.status({ service: 'web' })).drift, []);
  const again = await deploy();
  assert.deepEqual([again.created, again.configuration], [false, []]);
  set('url', 'url-hunter-2');
  const { drift } = await statusWhen(client, ({ drift }) => drift.length > 0);
  assert.deepEqual(
    drift.map(({ to, state }) => `${to} ${state}`),
    ['URL changed'],
  );
  const { references, release } = await client.configuration({ service: 'web' });
  assert.deepEqual(
    [release, ...references.map(({ to, state }) => `${to} ${state}`)],
    [1, '/run/secrets/KEY same', 'TOKEN unknown', 'URL changed'],
  );
  const plan = await client.planDeploy({ folder, variables: { TOKEN: 'token-hunter-1' } }).result();
  assert.equal(plan.changes, true);
  assert.deepEqual(
    plan.configuration.map(({ to, was, is }) => [to, was?.pin.fingerprint === is?.pin.fingerprint]),
    [['URL', false]],
  );
  assert.equal((await client.releases({ service: 'web' })).releases.length, 1, 'a plan makes nothing');
  const second = await deploy();
  assert.deepEqual([second.created, second.release.number], [true, 2]);
  await steadyAt(client, 2);
  assert.deepEqual((await client.status({ service: 'web' })).drift, []);
  const third = await deploy('token-hunter-2');
  assert.deepEqual(
    third.configuration.map(({ to }) => to),
    ['TOKEN'],
  );
});

test('a rollback has the old values, whatever the source has since, and drift says so', async (t) => {
  const { client, deploy, set, files, home } = await configured(t);
  const first = await deploy();
  await steadyAt(client, 1);
  set('url', 'url-hunter-2');
  await deploy();
  await steadyAt(client, 2);
  rmSync(files, { recursive: true });
  await client.rollback({ service: 'web' });
  await steadyAt(client, 1);
  const { references } = await client.configuration({ service: 'web' });
  assert.deepEqual(
    references.map(({ state }) => state),
    ['gone', 'unknown', 'gone'],
  );
  const kept = readdirSync(home.sealed);
  for (const { pin } of first.release.references) assert.ok(kept.includes(pin.fingerprint));
});

test('what no rollback goes back to is forgotten by gc; then a rollback says that it is lost, and why', async (t) => {
  const { client, deploy, set, home } = await configured(t);
  for (let release = 1; release <= 7; release++) {
    set('url', `url-hunter-${release}`);
    await deploy();
    await steadyAt(client, release);
  }
  assert.equal(readdirSync(home.sealed).length, 9);
  assert.equal((await client.planGc()).values, 1, 'of the release before the last five before the one that serves');
  assert.equal(readdirSync(home.sealed).length, 9);
  assert.equal((await client.gc()).values, 1);
  assert.equal(readdirSync(home.sealed).length, 8);
  await assert.rejects(
    client.rollback({ service: 'web', to: 1 }),
    isError('VALUE_LOST', /values\/url can't be had: its sealed copy is gone, and file has another value now/),
  );
  assert.equal((await client.status({ service: 'web' })).serving, 7, 'nothing was begun');
  set('url', 'url-hunter-1');
  await client.rollback({ service: 'web', to: 1 });
  await steadyAt(client, 1);
  assert.equal(readdirSync(home.sealed).length, 9, 'taken from the source, because it is that very value, and sealed again');
  await client.retire({ service: 'web' }).catch(() => {}); // It may be gone before it is answered.
  for await (const { kind } of client.events({ after: 0 })) if (kind === 'fleet.retired') break;
  assert.equal((await client.gc()).values, 9);
  assert.deepEqual(readdirSync(home.sealed), []);
});

test('doctor tells of settings that can not be read, and of a key that is gone while something is sealed with it', async (t) => {
  const { client, deploy, home } = await configured(t);
  const told = async (): Promise<string> => JSON.stringify((await client.doctor()).problems);
  rmSync(join(home.root, '..', 'secrets.key'));
  assert.equal(await told(), '[]', 'nothing is sealed yet');
  await assert.rejects(deploy(), isError('KEY_INVALID', /is not there/));
  writeFileSync(join(home.root, '..', 'secrets.key'), Buffer.alloc(32, 7).toString('base64'), { mode: 0o600 });
  await deploy();
  assert.equal(await told(), '[]');
  rmSync(join(home.root, '..', 'secrets.key'));
  assert.match(await told(), /secrets\.key is not there/);
  writeFileSync(join(home.root, 'sources.yaml'), 'etc: {}');
  assert.match(await told(), /sources\.yaml/);
});

test('a deploy that lacks a value makes nothing, and says which and why; no error has a value in it', async (t) => {
  const { client, folder, files, home, set } = await configured(t);
  const fails = async (code: string, message: RegExp, variables = { TOKEN: 'token-hunter-1' } as Record<string, string>) => {
    for (const call of [client.deploy({ folder, variables }), client.planDeploy({ folder, variables })])
      await assert.rejects(call.result(), (error) => {
        assert.ok(isError(code, message)(error), String(error));
        assert.doesNotMatch(JSON.stringify(error), SECRET);
        return true;
      });
  };
  await fails('VALUE_NOT_FOUND', /env:\/\/TOKEN \(TOKEN\): the variable TOKEN is not set where/, {});
  rmSync(join(files, 'url'));
  await fails('VALUE_NOT_FOUND', /values\/url \(URL\): file has nothing under that name/);
  set('url', `hunter\0hunter`);
  await fails('VALUE_REFUSED', /no text in UTF-8/);
  set('url', 'hunter'.repeat(20_000));
  await fails('VALUE_REFUSED', /120000 bytes/);
  writeFileSync(join(home.root, 'sources.yaml'), '');
  await fails('SOURCE_UNKNOWN', /in no folder that values may come from/);
  writeFileSync(join(folder, 'kiln.yaml'), yaml(files).replace('env://TOKEN', 'token-hunter-1'));
  await fails('CONFIG_INVALID', /expected a reference/);
  assert.deepEqual(readdirSync(home.sealed), []);
  assert.deepEqual((await client.fleets()).fleets, []);
  assert.doesNotMatch(JSON.stringify(await client.history()), SECRET);
});
