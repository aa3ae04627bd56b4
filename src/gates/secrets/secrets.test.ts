import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { tarOf, type RawEntry } from '../../oci/testing/trees.ts';
import type { Finding } from '../contract.ts';
import { layered, type LayeredImage } from '../testing/layered.ts';
import { seeds, type Seed } from '../testing/seeds.ts';
import { secretsGate } from './gate.ts';

const ALL = seeds('the tests');
const one = (kind: string): Seed => {
  const found = ALL.find((seed) => seed.kind === kind);
  assert.ok(found !== undefined, kind);
  return found;
};

async function found(image: LayeredImage): Promise<readonly Finding[]> {
  await using made = await layered(image);
  return (await secretsGate.run(made.subject, [])).findings;
}

const fileOf = ({ path, text }: Seed): RawEntry => ({ path, content: text });

test('every kind of secret is found in a file, says where, and is told to nobody', async () => {
  for (const seed of [...ALL, ...seeds('others')]) {
    const findings = (await found({ layers: [[fileOf(seed)]] })).filter(({ blocks }) => blocks);
    assert.ok(findings.length > 0, `${seed.kind} was not found`);
    assert.equal(findings[0]?.where.path, `/${seed.path}`, seed.kind);
    const told = JSON.stringify(findings);
    const kept = seed.secret
      .replaceAll(/-----[^-]+-----/g, '')
      .trim()
      .slice(4);
    for (let at = 0; at + 8 <= kept.length; at += 1) {
      assert.ok(!told.includes(kept.slice(at, at + 8)), `${seed.kind}: ${kept.slice(at, at + 8)} is told`);
    }
  }
});

test('in the environment, a label, the entrypoint and the history as well, each once', async () => {
  for (const kind of ['github token', 'aws id', 'stripe live', 'jwt', 'vault token']) {
    const { secret } = one(kind);
    const places: readonly (readonly [LayeredImage, RegExp])[] = [
      [{ config: { Env: [`X=${secret}`] }, history: [{ created_by: `ENV X=${secret}`, empty_layer: true }] }, /the variable X /],
      [{ config: { Labels: { x: secret } } }, /the label x /],
      [{ config: { Entrypoint: ['app', `--key=${secret}`] } }, /what the image starts/],
      [{ history: [{ created_by: `RUN curl -H 'Authorization: ${secret}' x`, empty_layer: true }] }, /line 1 of its history/],
    ];
    for (const [image, where] of places) {
      const findings = await found(image);
      assert.equal(findings.length, 1, `${kind} ${where}`);
      assert.match(findings[0]?.what ?? '', where);
    }
  }
});

test('a random value under a name that promises a secret', async () => {
  const env = (text: string) => found({ config: { Env: [text] } });
  assert.equal((await env(`SESSION_SECRET=${one('dotenv secret').secret}`))[0]?.rule, 'assigned-secret');
  assert.equal((await env(`DB_PASSWORD=${one('netrc').secret}`))[0]?.rule, 'assigned-secret');
  for (const harmless of [
    'SECRET_FILE=/run/secret',
    'TOKEN_URL=https://x.example/t',
    'API_KEY=',
    'PASSWORD=changeme',
    'COMMIT=9f86d081884c7d65',
  ]) {
    assert.deepEqual(await env(harmless), [], harmless);
  }
});

test('what an upper layer deletes or replaces is found in the layer that has it', async () => {
  const seed = one('github token');
  const layers = [[fileOf(seed)], [{ path: 'app/.wh.settings.txt' }]];
  const [finding] = await found({ layers });
  assert.match(finding?.what ?? '', /a later layer deletes the file/);
  assert.notEqual(finding?.where.layer, null);
  assert.equal((await found({ layers: [[fileOf(seed)], [{ path: seed.path, content: 'x' }]] })).length, 1);
});

test('in a program, far into a large file, and across the edge of what is looked at at once', async () => {
  const { secret } = one('github token');
  const at = (offset: number, rest: number): RawEntry => ({
    path: 'x',
    content: `${' '.repeat(offset)}${secret}${'\n'.repeat(rest)}`,
  });
  for (const offset of [0, 262_144 - 20, 262_144, 254_000, 3_000_000]) {
    assert.equal((await found({ layers: [[at(offset, 5)]] })).length, 1, String(offset));
    assert.equal((await found({ layers: [[at(offset, 600_000)]] })).length, 1, String(offset));
  }
  const [inProgram] = await found({ layers: [[{ path: 'bin/x', content: `\0\0\u0001${secret}\0` }]] });
  assert.equal(inProgram?.where.line, undefined);
});

test('what only looks like a secret is none', async () => {
  const harmless: readonly (readonly [string, string])[] = [
    ['etc/ssl/certs/ca.pem', `-----BEGIN CERTIFICATE-----\n${'QUJD'.repeat(16)}\n-----END CERTIFICATE-----\n`],
    ['app/x.md', ['AKIA', 'IOSFODNN7EXAMPLE'].join('')],
    ['app/x.js', 'const url = `https://${user}:${pass}@${host}`; fetch("http://user:password@example.com")'],
    ['app/x.c', one('rsa key').text.slice(4, 35)],
    ['app/.env', 'DB_PASSWORD=\nTOKEN=${TOKEN}\nSECRET_NAME=projects/x/secrets/y\n'],
    ['app/package-lock.json', `"integrity": "sha512-${'aB3/'.repeat(20)}=="`],
    ['app/config.yaml', 'password_encryption: scram-sha-256\ntoken_url: https://auth.internal/token1\n'],
  ];
  for (const [path, content] of harmless) assert.deepEqual(await found({ layers: [[{ path, content }]] }), [], path);
});

test("a package's own test keys are told, and fail nothing", async () => {
  const { text } = one('rsa key');
  const at = async (path: string) => (await found({ layers: [[{ path, content: text }]] })).map(({ blocks }) => blocks);
  assert.deepEqual(await at('app/node_modules/agent/test/key.pem'), [false]);
  assert.deepEqual(await at('usr/share/doc/x/examples/key.pem'), [false]);
  assert.deepEqual(await at('app/node_modules/agent/key.pem'), [true]);
  assert.deepEqual(await at('app/test/key.pem'), [true]);
  assert.deepEqual(await at('etc/ssh/ssh_host_rsa_key'), [true]);
});

test('another secret in the same place is another finding; the same one is the same in each bake', async () => {
  const [first, again] = [
    await found({ layers: [[fileOf(one('github token'))]] }),
    await found({ layers: [[fileOf(one('github token'))]] }),
  ];
  const other = seeds('others').filter(({ kind }) => kind === 'github token');
  assert.equal(first[0]?.fingerprint, again[0]?.fingerprint);
  assert.notEqual((await found({ layers: [other.map(fileOf)] }))[0]?.fingerprint, first[0]?.fingerprint);
});

test('an entry that claims more than the layer holds is refused', async () => {
  const size = 10 * 2 ** 30;
  const claims = tarOf({ path: 'big', size, content: '' });
  await assert.rejects(found({ layers: [claims] }), { code: 'LAYER_UNSAFE' });
});

test('a bomb is refused before it has filled anything', async () => {
  const start = tarOf({ path: 'zeroes', size: 6 * 2 ** 30, content: '' }).subarray(0, 512);
  const zeroes = gzipSync(Buffer.alloc(8 << 20));
  const bomb = Buffer.concat([gzipSync(start), ...Array.from({ length: 140 }, () => zeroes)]);
  await using made = await layered({ layers: [] });
  const { digest, size } = await made.subject.store.putBlob(bomb);
  const layer = { descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size }, diffId: digest };
  const image = { ...made.subject.image, layers: [layer] };
  const refused = { code: 'LAYER_UNSAFE', message: /more than 200 times/ };
  await assert.rejects(secretsGate.run({ ...made.subject, image }, []), refused);
});

test('ten thousand secrets are not ten thousand findings', async () => {
  const { text } = one('github token');
  const layer = Array.from({ length: 600 }, (_, index): RawEntry => ({ path: `app/${index}`, content: text }));
  const findings = await found({ layers: [layer] });
  assert.deepEqual([findings.length, findings.at(-1)?.rule], [501, 'more-secrets']);
});
