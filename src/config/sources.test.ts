/**
 * Consul, Vault, Parameter Store, Secrets Manager and this machine's own values, as references name them. The servers are
 * stand-ins of the tests (testing/stand-ins.ts), not the real ones.
 */
import assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import type { Configuration } from './configuration.ts';
import { CALL, configHome, openedFirst, pinned, resolve, variables } from './testing/homes.ts';
import { AWS_KEYS, AWS_REGION, startAws, startConsul, startVault, versionId, type StandIn } from './testing/stand-ins.ts';

const SECRET = /hunter2|tok-5f2e9a|the secret id|secret access key/;

/** Nothing of an error has a value or a credential in it. */
async function refuses(work: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof KilnError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.stack} ${String(error.cause)}`, SECRET);
    assert.notEqual(error.hint, '');
    return true;
  });
}

const stateOf = async (config: Configuration, ...[references]: [Parameters<Configuration['look']>[0]]): Promise<string> =>
  (await config.look(references, CALL.signal)).map(({ state }) => state).join();

/** What every server may do to us. */
async function misbehaves(server: StandIn, config: Configuration, reference: string): Promise<void> {
  const answers = async (instead: StandIn['instead'], code: string, message: RegExp): Promise<void> => {
    server.instead = instead;
    await refuses(resolve(config, reference), code, message);
  };
  await answers({ status: 500, body: 'hunter2' }, 'SOURCE_UNREACHABLE', /answered 500/);
  await answers({ status: 503, body: 'hunter2' }, 'SOURCE_UNREACHABLE', /answered 503/);
  await answers({ status: 200, body: '<html>hunter2' }, 'SOURCE_UNREACHABLE', /something else|answered 200/);
  await answers({ status: 307, body: 'http://elsewhere.example/' }, 'SOURCE_UNREACHABLE', /redirection, which is not followed/);
  await answers({ status: 200, body: 'x'.repeat((4 << 20) + 1) }, 'SOURCE_UNREACHABLE', /more than 4 MiB/);
  await answers({ status: 403, body: 'hunter2' }, 'SOURCE_DENIED', /forbids|refuses/);
  server.instead = null;
}

test('Consul: the version is its ModifyIndex, and only the newest is there', async () => {
  await using consul = await startConsul('tok-5f2e9a');
  await using here = await configHome();
  const token = await here.file('token', 'tok-5f2e9a\n');
  await here.say(`consul: { address: "${consul.address}", token-file: ${token} }`);
  const config = here.open();
  consul.keys.set('web/a key', { value: 'hunter2', index: 41 });
  consul.keys.set('web/empty', { value: '', index: 40 });
  const first = await pinned(config, 'consul://web/a key');
  assert.equal(first[0]?.pin.version, '41');
  assert.equal(await openedFirst(config, first), 'hunter2');
  assert.equal(await openedFirst(config, await pinned(config, 'consul://web/empty')), '');
  consul.keys.set('web/a key', { value: 'changed', index: 55 });
  assert.equal(await stateOf(config, first), 'changed');
  assert.equal(await openedFirst(config, first), 'hunter2', 'the sealed copy');
  await rm(here.home.sealed, { recursive: true });
  await refuses(openedFirst(config, first), 'VALUE_LOST', /in version 41 .* consul does not have that version/);
  consul.keys.delete('web/a key');
  assert.equal(await stateOf(config, first), 'gone');
  await refuses(resolve(config, 'consul://web/a key'), 'VALUE_NOT_FOUND', /consul has nothing under that name/);
  await misbehaves(consul, config, 'consul://web/empty');
  await here.say(`consul: { address: "${consul.address}" }`);
  await refuses(resolve(config, 'consul://web/empty'), 'SOURCE_DENIED', /asks for a token/);
  await here.say('');
  const env = { CONSUL_HTTP_ADDR: consul.address.slice('http://'.length), CONSUL_HTTP_TOKEN: 'tok-5f2e9a' };
  assert.equal((await resolve(here.open(env), 'consul://web/empty')).pinOf('consul://web/empty').version, '40');
});

test('Vault: a field of a secret, its versions, and a login by token or AppRole', async () => {
  await using vault = await startVault('tok-5f2e9a');
  await using here = await configHome();
  const token = await here.file('token', 'tok-5f2e9a');
  await here.say(`vault: { address: "${vault.address}", token-file: ${token} }`);
  const config = here.open();
  vault.secrets.set('secret/web/db', [{ user: 'web', password: 'hunter2' }]);
  vault.secrets.set('secret/web/one', [{ only: 'hunter2' }]);
  vault.secrets.set('kv/team/x', [{ only: 'of a mount with a slash' }]);
  const first = await pinned(config, 'vault://secret/web/db#password', 'vault://secret/web/db#user');
  assert.deepEqual(
    first.map(({ pin }) => pin.version),
    ['1', '1'],
  );
  assert.equal(vault.asked, 1, 'one question for two fields of a secret, so that they are of one version');
  assert.equal(await openedFirst(config, await pinned(config, 'vault://secret/web/one')), 'hunter2');
  assert.equal(await openedFirst(config, await pinned(config, 'vault://kv%2Fteam/x')), 'of a mount with a slash');
  vault.secrets.get('secret/web/db')?.push({ user: 'web', password: 'another' });
  assert.equal(await stateOf(config, first), 'changed,same', 'a field that has not changed has not drifted');
  await rm(here.home.sealed, { recursive: true });
  assert.equal(await openedFirst(config, first), 'hunter2', 'version 1 from Vault');
  await rm(here.home.sealed, { recursive: true });
  vault.secrets.get('secret/web/db')?.splice(0, 1, null);
  await refuses(openedFirst(config, first), 'VALUE_LOST', /version 1 .* vault does not have that version/);
  await refuses(resolve(config, 'vault://secret/web/db'), 'VALUE_REFUSED', /has 2 fields/);
  await refuses(resolve(config, 'vault://secret/web/db#nope'), 'VALUE_NOT_FOUND', /no member "nope"/);
  await refuses(resolve(config, 'vault://secret/web/nope'), 'VALUE_NOT_FOUND', /vault has nothing/);
  await misbehaves(vault, config, 'vault://secret/web/one');
  const secretId = await here.file('secret-id', 'the secret id\n');
  await here.say(`vault: { address: "${vault.address}", role-id: role, secret-id-file: ${secretId} }`);
  assert.equal(await openedFirst(config, await pinned(config, 'vault://secret/web/one')), 'hunter2');
  await here.say(`vault: { address: "${vault.address}", role-id: other, secret-id-file: ${secretId} }`);
  await refuses(resolve(config, 'vault://secret/web/one'), 'SOURCE_DENIED', /does not take the AppRole/);
  await here.say('');
  await refuses(resolve(here.open({ VAULT_ADDR: vault.address }), 'vault://secret/web/one'), 'SOURCE_DENIED', /none is set/);
  const byHelper = here.open({ VAULT_ADDR: vault.address });
  await here.file('.vault-token', 'tok-5f2e9a');
  assert.equal(await openedFirst(byHelper, await pinned(byHelper, 'vault://secret/web/one')), 'hunter2');
});

test('Parameter Store: a signed question, decrypted, by versions that count up', async () => {
  await using aws = await startAws();
  await using here = await configHome();
  const env = { ...AWS_KEYS, AWS_REGION, AWS_ENDPOINT_URL: aws.address };
  const config = here.open(env);
  aws.parameters.set('/prod/web/db', ['hunter2']);
  const first = await pinned(config, 'ssm:///prod/web/db');
  assert.equal(first[0]?.pin.version, '1');
  aws.parameters.get('/prod/web/db')?.push('another');
  assert.equal(await stateOf(config, first), 'changed');
  await rm(here.home.sealed, { recursive: true });
  assert.equal(await openedFirst(config, first), 'hunter2', 'version 1 from AWS');
  const fixed = await pinned(config, 'ssm:///prod/web/db:1');
  assert.deepEqual([await openedFirst(config, fixed), await stateOf(config, fixed)], ['hunter2', 'same']);
  await refuses(resolve(config, 'ssm:///prod/web/none'), 'VALUE_NOT_FOUND', /ssm has nothing/);
  await misbehaves(aws, config, 'ssm:///prod/web/db');
  await refuses(
    resolve(here.open({ ...env, AWS_SECRET_ACCESS_KEY: 'wrong' }), 'ssm:///prod/web/db'),
    'SOURCE_DENIED',
    /Signature/,
  );
  const nobody = here.open({ AWS_REGION, AWS_ENDPOINT_URL: aws.address });
  await refuses(resolve(nobody, 'ssm:///prod/web/db'), 'SOURCE_DENIED', /needs AWS credentials/);
  const nowhere = here.open({ ...AWS_KEYS, AWS_ENDPOINT_URL: aws.address });
  await refuses(resolve(nowhere, 'ssm:///prod/web/db'), 'SOURCE_DENIED', /needs a region/);
});

test('Secrets Manager: text, bytes and members of JSON, by the id of a version', async () => {
  await using aws = await startAws();
  await using here = await configHome();
  await here.say(`aws: { region: ${AWS_REGION}, endpoint: "${aws.address}" }`);
  const config = here.open(AWS_KEYS);
  const arn = `arn:aws:secretsmanager:${AWS_REGION}:123456789012:secret:web-AbCdEf`;
  aws.secrets.set(arn, [{ value: '{"user":"web","password":"hunter2"}', id: versionId('1') }]);
  aws.secrets.set('keystore', [{ value: new Uint8Array([0, 255, 1]), id: versionId('k') }]);
  const first = await pinned(config, `secretsmanager://${arn}#password`);
  assert.equal(first[0]?.pin.version, versionId('1'));
  const file = { from: 'secretsmanager://keystore', to: { kind: 'file', path: '/k', mode: 0o400 } } as const;
  const resolution = await config.resolve([file], { caller: { variables: {}, folder: '/' }, current: [], ...CALL });
  await config.seal(resolution);
  const { files } = await config.open([{ ...file, pin: resolution.pinOf(file.from) }], CALL.signal);
  assert.deepEqual([...(files[0]?.content ?? [])], [0, 255, 1]);
  aws.secrets.get(arn)?.push({ value: '{"password":"another"}', id: versionId('2') });
  assert.equal(await stateOf(config, first), 'changed');
  await rm(here.home.sealed, { recursive: true });
  assert.equal(await openedFirst(config, first), 'hunter2', 'by the id of its version');
  await rm(here.home.sealed, { recursive: true });
  aws.secrets.get(arn)?.shift();
  await refuses(openedFirst(config, first), 'VALUE_LOST', /secretsmanager does not have that version/);
  await misbehaves(aws, config, 'secretsmanager://keystore');
});

test('a source that says nothing is given up, and asked once more', { timeout: 60_000 }, async () => {
  await using consul = await startConsul('tok-5f2e9a');
  await using here = await configHome();
  await here.say(`consul: { address: "${consul.address}" }`);
  consul.instead = 'nothing';
  await refuses(resolve(here.open({}, 300), 'consul://a'), 'SOURCE_UNREACHABLE', /said nothing within 0.3 s/);
  assert.equal(consul.asked, 2);
  const gone = AbortSignal.timeout(10);
  await assert.rejects(
    here.open().resolve(variables('consul://a'), { caller: { variables: {}, folder: '/' }, current: [], signal: gone }),
  );
});

test('where nothing says where a source is, that is said; and an address that would give values away is not used', async () => {
  await using here = await configHome();
  const config = here.open();
  for (const kind of ['etcd://a', 'consul://a', 'vault://a/b'])
    await refuses(resolve(config, kind), 'SOURCE_UNKNOWN', /nothing says where/);
  const address = async (text: string, message: RegExp): Promise<void> => {
    await here.say(`consul: { address: "${text}" }`);
    await refuses(resolve(config, 'consul://a'), 'SOURCE_UNKNOWN', message);
  };
  await address('http://consul.example:8500', /not encrypted/);
  await address('http://u:hunter2@127.0.0.1:8500', /has a user or password/);
  await address('http://127.0.0.1:8500/prefix', /has a path/);
  await address('consul', /is no URL/);
  await here.say('consul: { address: "http://consul.invalid:8500", plain-http: true }');
  await refuses(resolve(config, 'consul://a'), 'SOURCE_UNREACHABLE', /ENOTFOUND|EAI_AGAIN/);
  for (const [yaml, code] of [
    ['etcd: [', 'CONFIG_SYNTAX'],
    ['vault: { address: x, token: hunter2 }', 'CONFIG_INVALID'],
    ['files: [relative]', 'CONFIG_INVALID'],
  ] as const) {
    await here.say(yaml);
    await refuses(resolve(config, 'etcd://a'), code, /sources\.yaml/);
  }
});

test('variables are those of who deploys, and nobody else has them', async () => {
  await using here = await configHome();
  const config = here.open({ TOKEN: "the daemon's own" });
  const caller = { variables: { TOKEN: 'hunter2', EMPTY: '' }, folder: here.root };
  const wanted = variables('env://TOKEN', 'env://EMPTY');
  const resolution = await config.resolve(wanted, { caller, current: [], ...CALL });
  await config.seal(resolution);
  assert.equal(resolution.pinOf('env://TOKEN').version, null);
  const references = wanted.map((each) => ({ ...each, pin: resolution.pinOf(each.from) }));
  assert.deepEqual((await config.open(references, CALL.signal)).env, { V0: 'hunter2', V1: '' });
  assert.equal(await stateOf(config, references), 'unknown,unknown');
  await refuses(resolve(config, 'env://TOKEN'), 'VALUE_NOT_FOUND', /TOKEN is not set where the command was run/);
  await refuses(resolve(config, 'env://toString'), 'VALUE_NOT_FOUND', /not set/);
  await rm(here.home.sealed, { recursive: true });
  await refuses(openedFirst(config, references), 'VALUE_LOST', /only who deployed it has it/);
});

test('files are within the folder of kiln.yaml, or where sources.yaml allows; links count as where they lead', async () => {
  await using here = await configHome();
  const [own, allowed, other] = ['own', 'allowed', 'other'].map((name) => join(here.root, name)) as [string, string, string];
  for (const folder of [own, allowed, other]) await mkdir(folder);
  for (const folder of [own, allowed, other]) await writeFile(join(folder, 'value'), 'hunter2\n');
  await symlink(join(other, 'value'), join(own, 'out'));
  await symlink(join(other, 'value'), join(allowed, 'out'));
  await symlink('value', join(own, 'within'));
  await here.say(`files: [${allowed}]`);
  const config = here.open();
  const caller = { variables: {}, folder: own };
  const value = (from: string) => config.resolve(variables(from), { caller, current: [], ...CALL });
  for (const from of ['file://value', 'file://within', `file://${allowed}/value`]) {
    const resolution = await value(from);
    await config.seal(resolution);
    const [wanted] = variables(from);
    assert.ok(wanted !== undefined);
    const asFile = { ...wanted, to: { kind: 'file', path: '/f', mode: 0o400 }, pin: resolution.pinOf(from) } as const;
    const asVariable = { ...wanted, pin: resolution.pinOf(from) };
    const opened = await config.open([asFile, asVariable], CALL.signal);
    assert.equal(Buffer.from(opened.files[0]?.content ?? []).toString(), 'hunter2\n', 'a file, byte for byte');
    assert.equal(opened.env['V0'], 'hunter2', "a variable without the line's end");
  }
  for (const from of [
    `file://${other}/value`,
    'file://out',
    `file://${allowed}/out`,
    `file://${other}/none`,
    'file:///etc/shadow',
  ])
    await refuses(value(from), 'SOURCE_UNKNOWN', /in no folder that values may come from/);
  await refuses(value('file://none'), 'VALUE_NOT_FOUND', /file has nothing/);
  await refuses(value(`file://${allowed}/none`), 'VALUE_NOT_FOUND', /file has nothing/);
  await mkdir(join(own, 'folder'));
  await refuses(value('file://folder'), 'VALUE_REFUSED', /not a file/);
  const references = await pinned(config, `file://${allowed}/value`);
  assert.equal(await stateOf(config, references), 'same');
  await writeFile(join(allowed, 'value'), 'changed');
  assert.equal(await stateOf(config, references), 'changed');
  await rm(here.home.sealed, { recursive: true });
  await refuses(openedFirst(config, references), 'VALUE_LOST', /file has another value now/);
});
