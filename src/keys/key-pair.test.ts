import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { requires } from '../../test/requires.ts';
import { run } from '../platform/exec.ts';
import { createKeyPair, readPrivateKey, readPublicKey } from './key-pair.ts';
import { openSigner, takeSigningSettings, type SigningSettings } from './signer.ts';

const KINDS = ['p256', 'ed25519'] as const;
const MESSAGE = Buffer.from('what is signed');

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-keys-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const settings = (some: Partial<SigningSettings>): SigningSettings => ({
  key: null,
  password: null,
  passwordFile: null,
  folder: '/nonexistent',
  env: {},
  ...some,
});

test('what a key signs its public key verifies, and no other key, message or signature', async () => {
  for (const kind of KINDS) {
    const [pair, other] = [createKeyPair(kind, null), createKeyPair(kind, null)];
    const signer = await openSigner(settings({ key: pair.privatePem }));
    assert.ok(signer);
    const signature = await signer.sign(MESSAGE);
    const mine = readPublicKey(pair.public.pem, 'mine.pub');
    assert.equal(mine.id, signer.public.id);
    assert.ok(mine.verifies(MESSAGE, signature));
    assert.ok(!other.public.verifies(MESSAGE, signature));
    assert.ok(!mine.verifies(Buffer.from('what was signed'), signature));
    for (const wrong of [Buffer.alloc(0), signature.subarray(1), Buffer.alloc(64), Buffer.alloc(100_000, 48)])
      assert.ok(!mine.verifies(MESSAGE, wrong));
  }
});

test('a key of one kind never verifies what a key of the other has signed', async () => {
  const [ec, ed] = [createKeyPair('p256', null), createKeyPair('ed25519', null)];
  const [byEc, byEd] = await Promise.all(
    [ec, ed].map(async ({ privatePem }) => (await openSigner(settings({ key: privatePem })))?.sign(MESSAGE)),
  );
  assert.ok(!ec.public.verifies(MESSAGE, byEd ?? Buffer.alloc(0)) && !ed.public.verifies(MESSAGE, byEc ?? Buffer.alloc(0)));
});

test('the key is taken from the environment once, and what runs later does not inherit it', async () => {
  const pair = createKeyPair('p256', 'secret');
  const env = { KILN_SIGNING_KEY: pair.privatePem, KILN_SIGNING_KEY_PASSWORD: 'secret', HOME: '/root' };
  const taken = takeSigningSettings(env, '/nonexistent');
  assert.deepEqual(env, { HOME: '/root' });
  assert.equal((await openSigner(taken))?.public.id, pair.public.id);
});

test('a key file needs its password, from the environment or a file, and to be private', async (t) => {
  const folder = await folderFor(t);
  const pair = createKeyPair('ed25519', 'open sesame');
  const path = join(folder, 'signing.key');
  assert.equal(await openSigner(settings({ folder })), null);
  await assert.rejects(openSigner(settings({ key: path })), { code: 'KEY_INVALID', message: /can't be read/ });
  await writeFile(path, pair.privatePem, { mode: 0o600 });
  await writeFile(join(folder, 'password'), 'open sesame\n');
  const byFile = await openSigner(settings({ folder, passwordFile: join(folder, 'password') }));
  const byEnvironment = await openSigner(settings({ key: path, password: 'open sesame' }));
  assert.deepEqual([byFile?.public.id, byEnvironment?.public.id], [pair.public.id, pair.public.id]);
  await assert.rejects(openSigner(settings({ folder })), { code: 'KEY_INVALID', message: /no password is set/ });
  await assert.rejects(openSigner(settings({ folder, password: 'wrong' })), {
    code: 'KEY_INVALID',
    message: /password is wrong/,
  });
  await writeFile(path, pair.privatePem);
  await run('chmod', ['644', path]);
  await assert.rejects(openSigner(settings({ folder, password: 'open sesame' })), { code: 'KEY_INVALID', hint: /chmod 600/ });
});

test('what is no key of the two kinds is refused, and no error quotes a private key', () => {
  const pem = { type: 'pkcs8', format: 'pem' } as const;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey.export(pem).toString();
  const mine = createKeyPair('p256', null).privatePem;
  const damaged = mine.replace(/\n(.)/, '\n$1!');
  const cases: readonly [() => unknown, RegExp][] = [
    [() => readPublicKey(rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'x'), /of the kind rsa/],
    [() => readPrivateKey(p384, 'x', null), /of the kind secp384r1/],
    [() => readPublicKey(mine, 'x'), /private key where a public one/],
    [() => readPublicKey('', 'x'), /no key in PEM form/],
    [() => readPublicKey('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', 'x'), /no key in PEM form/],
    [() => readPublicKey('x'.repeat(1 << 20), 'x'), /too large/],
    [() => readPrivateKey(damaged, 'x', null), /no key in PEM form/],
    [() => readPrivateKey('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n', 'x', null), /only cosign reads/],
  ];
  for (const [read, message] of cases) {
    assert.throws(read, (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'KEY_INVALID');
      assert.match(error.message, message);
      const said = `${error.message} ${error.hint} ${String(error.cause)} ${error.stack}`;
      assert.ok(!said.includes(damaged.split('\n')[1] ?? '?') && !said.includes(mine.split('\n')[1] ?? '?'));
      return true;
    });
  }
});

test('openssl reads the keys, names them by the same id, and verifies what they sign', requires('openssl'), async (t) => {
  const folder = await folderFor(t);
  const at = (name: string): string => join(folder, name);
  const pair = createKeyPair('p256', 'pw');
  const signer = await openSigner(settings({ key: pair.privatePem, password: 'pw' }));
  await writeFile(at('pub'), pair.public.pem);
  await writeFile(at('sig'), (await signer?.sign(MESSAGE)) ?? '');
  await writeFile(at('message'), MESSAGE);
  await writeFile(at('key'), pair.privatePem, { mode: 0o600 });
  assert.match(
    await run('openssl', ['dgst', '-sha256', '-verify', at('pub'), '-signature', at('sig'), at('message')]),
    /Verified OK/,
  );
  await run('openssl', ['pkey', '-pubin', '-in', at('pub'), '-outform', 'DER', '-out', at('der')]);
  assert.match(await run('sha256sum', [at('der')]), new RegExp(`^${pair.public.id} `));
  assert.match(await run('openssl', ['pkey', '-in', at('key'), '-passin', 'pass:pw', '-pubout']), /BEGIN PUBLIC KEY/);
});
