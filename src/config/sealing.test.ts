/** Values at rest: what is on disk, whose key opens it, and what happens without that key. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import type { Configuration } from './configuration.ts';
import { keySettings, openSealingKey } from './sealing-key.ts';
import { CALL, configHome, openedFirst, variables, type ConfigHome } from './testing/homes.ts';

const VALUE = 'hunter2-hunter2';

async function sealed(
  config: Configuration,
  value = VALUE,
  current: readonly Parameters<Configuration['open']>[0][number][] = [],
) {
  const caller = { variables: { V: value }, folder: '/nonexistent' };
  const resolution = await config.resolve(variables('env://V'), { caller, current, ...CALL });
  await config.seal(resolution);
  return variables('env://V').map((wanted) => ({ ...wanted, pin: resolution.pinOf(wanted.from) }));
}

const onDisk = async (here: ConfigHome): Promise<Buffer> => {
  const [name] = await readdir(here.home.sealed);
  return readFile(join(here.home.sealed, name ?? ''));
};

test('on disk is no value, no key and nothing that tells a guess', async () => {
  await using here = await configHome();
  const [reference] = await sealed(here.open());
  const file = await onDisk(here);
  assert.equal(file.includes(VALUE), false);
  assert.equal(file.includes(Buffer.from(VALUE).toString('base64').slice(0, 12)), false);
  assert.match(reference?.pin.fingerprint ?? '', /^[0-9a-f]{64}$/);
  assert.equal((await stat(here.home.sealed)).mode & 0o777, 0o700);
  await using another = await configHome();
  await writeFile(join(another.root, 'secrets.key'), Buffer.alloc(32, 8).toString('base64'));
  const [theirs] = await sealed(another.open());
  assert.notEqual(theirs?.pin.fingerprint, reference?.pin.fingerprint, 'another key, another fingerprint');
});

test('the same value is sealed once, the pin stays, and a reference that says another name is another', async () => {
  await using here = await configHome();
  const config = here.open();
  const references = await sealed(config);
  const before = await onDisk(here);
  assert.deepEqual(await sealed(config, VALUE, [{ ...references[0]!, pin: { ...references[0]!.pin, version: '5' } }]), [
    { ...references[0], pin: { ...references[0]?.pin, version: '5' } },
  ]);
  assert.deepEqual(await onDisk(here), before);
  await sealed(config, 'another');
  assert.equal((await readdir(here.home.sealed)).length, 2);
});

test('what was changed on disk, or put under another name, is not taken', async () => {
  await using here = await configHome();
  const config = here.open();
  const [one] = [await sealed(config)];
  const two = await sealed(config, 'another');
  const path = (references: typeof one): string => join(here.home.sealed, references[0]?.pin.fingerprint ?? '');
  const [first, second] = [await readFile(path(one), 'utf8'), await readFile(path(two), 'utf8')];
  const damaged = async (content: string): Promise<void> => {
    await writeFile(path(one), content);
    await assert.rejects(openedFirst(config, one), { code: 'VALUE_LOST', message: /is damaged/ });
  };
  await damaged(second);
  await damaged(first.replace(/"data":"../, '"data":"AA'));
  await damaged(first.replace(/"tag":"[^"]+"/, '"tag":"AAAA"'));
  await damaged('{');
  await damaged('');
  await sealed(config);
  assert.equal(await openedFirst(config, one), VALUE, 'a deploy of the same value mends it');
});

test('with another key nothing opens, and the error says so', async () => {
  await using here = await configHome();
  const references = await sealed(here.open());
  await writeFile(join(here.root, 'secrets.key'), Buffer.alloc(32, 9).toString('base64'));
  await assert.rejects(openedFirst(here.open(), references), { code: 'VALUE_LOST', message: /sealed with another key/ });
});

test('a key is made where none was named, once, for its owner only; never where something is sealed already', async () => {
  await using here = await configHome();
  const path = join(here.root, 'settings/kiln/secrets.key');
  const settings = await keySettings(undefined, { ...here.env, KILN_SECRETS_KEY_FILE: '' }, 1000);
  assert.deepEqual(settings, { path, named: false });
  assert.equal((await keySettings(undefined, {}, 0)).path, '/etc/kiln/secrets.key');
  const made = await Promise.all([1, 2, 3].map(() => openSealingKey(settings, here.home, true)));
  assert.equal(new Set(made.map(({ id }) => id)).size, 1, 'daemons that start together share it');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(join(here.root, 'settings/kiln')), ['secrets.key']);
  await rm(path);
  await assert.rejects(openSealingKey(settings, here.home, false), { code: 'KEY_INVALID', message: /not there any more/ });
  const beside = { path: join(here.home.root, 'kiln/secrets.key'), named: false };
  await assert.rejects(openSealingKey(beside, here.home, true), { code: 'KEY_INVALID', message: /beside what it seals/ });
});

test('a key that is named and missing, malformed, open to others, or beside what it seals, is refused', async () => {
  await using here = await configHome();
  const key = Buffer.alloc(32, 1).toString('base64');
  const refused = async (path: string, message: RegExp): Promise<void> =>
    assert.rejects(sealed(here.open({ KILN_SECRETS_KEY_FILE: path })), { code: 'KEY_INVALID', message });
  await refused(join(here.root, 'none'), /is not there/);
  await refused(await here.file('short', 'c2hvcnQ='), /is no key of secrets/);
  const open = await here.file('open', key);
  await chmod(open, 0o644);
  await refused(open, /others may read/);
  await mkdir(join(here.home.root, 'keys'));
  await writeFile(join(here.home.root, 'keys/secrets.key'), key, { mode: 0o600 });
  await refused(join(here.home.root, 'keys/secrets.key'), /beside what it seals/);
});

test('the key is named by the environment, else by sources.yaml, else handed over by systemd', async () => {
  await using here = await configHome();
  const one = await here.file('one', Buffer.alloc(32, 1).toString('base64'));
  const credentials = join(here.root, 'credentials');
  await mkdir(credentials);
  await writeFile(join(credentials, 'kiln-secrets-key'), Buffer.alloc(32, 2).toString('base64'), { mode: 0o400 });
  const print = async (env: NodeJS.ProcessEnv): Promise<string | undefined> => (await sealed(here.open(env)))[0]?.pin.fingerprint;
  const byVariable = await print({});
  const bySystemd = await print({ KILN_SECRETS_KEY_FILE: '', CREDENTIALS_DIRECTORY: credentials });
  await here.say(`secrets-key: ${one}`);
  const byFile = await print({ KILN_SECRETS_KEY_FILE: '', CREDENTIALS_DIRECTORY: credentials });
  assert.equal(new Set([byVariable, bySystemd, byFile]).size, 3);
  assert.equal(await print({}), byVariable);
});

test('what no release has use for is found, with what a crash left, and forgotten', async () => {
  await using here = await configHome();
  const config = here.open();
  const kept = await sealed(config);
  const old = await sealed(config, 'old');
  await writeFile(join(here.home.sealed, '.half'), '');
  assert.deepEqual((await config.unused([...kept, ...old])).toSorted(), ['.half']);
  const unused = await config.unused(kept);
  assert.equal(unused.length, 2);
  await config.forget(unused);
  assert.equal(await openedFirst(config, kept), VALUE);
  await assert.rejects(openedFirst(config, old), { code: 'VALUE_LOST' });
});
