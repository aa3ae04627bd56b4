import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { tarOf, type RawEntry } from '../../oci/testing/trees.ts';
import type { Finding } from '../contract.ts';
import { layered, type LayeredImage } from '../testing/layered.ts';
import { contentOf, seeds, type Seed } from '../testing/seeds.ts';
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

const fileOf = (seed: Seed): RawEntry => ({ path: seed.path, content: contentOf(seed) });

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
    ['app/a.js', "const password = 'password'; const tokenUrl = 'https://x.example/a1'; const secretName = 'projects/x/y1';"],
    ['app/b.py', 'PASSWORD_FIELD = "user_pass1"\ntoken = "bearer.token.v2"\npassword = os.environ["DB_PASSWORD1"]\n'],
    ['app/db.txt', 'jdbc:mysql://db/x?user=u&password=${DB_PASSWORD} Server=db;Password={0};'],
    ['app/public.txt', Buffer.from('-----BEGIN PUBLIC KEY-----\nMFkw').toString('base64')],
    ['app/test/login.test.js', "const password = 'x9fk2m1q77';"],
    ['app/config.yaml', 'password_encryption: scram-sha-256\ntoken_url: https://auth.internal/token1\n'],
  ];
  for (const [path, content] of harmless) assert.deepEqual(await found({ layers: [[{ path, content }]] }), [], path);
});

const DPKG_LIST = 'var/lib/dpkg/info/agent.list';

test("what packages brought in their tests and documents is told, and fails nothing; the image's own fails wherever it is", async () => {
  const { text } = one('rsa key');
  const at = async (path: string, ...others: readonly RawEntry[]) =>
    (await found({ layers: [[{ path, content: text }, ...others]] })).map(({ blocks }) => blocks);
  const listed = (path: string): RawEntry => ({ path: DPKG_LIST, content: `/.\n/usr\n/${path}\n` });

  const documents = 'usr/share/doc/agent/examples/key.pem';
  assert.deepEqual(await at(documents, listed(documents)), [false]);
  assert.deepEqual(await at('usr/lib/agent/tests/key.pem', listed('lib/agent/tests/key.pem')), [false], 'a merged /usr');
  const database = { path: 'lib/apk/db/installed', content: 'P:agent\nF:usr/share/doc/agent/examples\nR:key.pem\n' };
  assert.deepEqual(await at(documents, database), [false]);
  const npm = { path: 'app/node_modules/@x/agent/package.json', content: '{}' };
  assert.deepEqual(await at('app/node_modules/@x/agent/test/key.pem', npm), [false]);
  const record = { path: 'opt/v/site-packages/a-1.dist-info/RECORD', content: 'a/tests/key.pem,sha256=x,1\n' };
  assert.deepEqual(await at('opt/v/site-packages/a/tests/key.pem', record), [false]);

  assert.deepEqual(await at('app/node_modules/@x/agent/key.pem', npm), [true], 'neither test nor document');
  for (const path of [
    documents,
    'usr/src/app/test/key.pem',
    'usr/share/app/docs/key.pem',
    'app/node_modules/agent/test/key.pem',
    'opt/v/site-packages/b/tests/key.pem',
    'app/test/key.pem',
    'etc/ssh/ssh_host_rsa_key',
  ])
    assert.deepEqual(await at(path, npm, record, listed('usr/share/doc/other')), [true], path);
});

test("a file that the image's own step writes in a package's place is its own", async () => {
  const path = 'usr/share/doc/agent/examples/key.pem';
  const entry = { path, content: one('rsa key').text };
  const layers = [
    [
      { path, content: '' },
      { path: DPKG_LIST, content: `/${path}\n` },
    ],
    [entry],
  ];
  assert.deepEqual(
    (await found({ layers })).map(({ blocks }) => blocks),
    [true],
  );
});

test("settings of the image's own are looked at wherever they are, a package's are not", async () => {
  const content = `password: ${one('netrc').secret}\n`;
  const path = 'usr/share/app/config.yaml';
  assert.equal((await found({ layers: [[{ path, content }]] })).length, 1);
  const list = { path: DPKG_LIST, content: `/${path}\n` };
  assert.deepEqual(await found({ layers: [[{ path, content }, list]] }), []);
});

test('what is packed is named, and what can not be unpacked is no error', async () => {
  const tarball = one('settings in a tarball');
  const [inTarball] = await found({ layers: [[fileOf(tarball)]] });
  assert.match(inTarball?.what ?? '', /^\/srv\/app\.tgz \(in it \.\/app\/\.env\) holds a value/);
  assert.equal(inTarball?.where.line, 1);
  const whole = contentOf(tarball);
  assert.ok(Buffer.isBuffer(whole));
  const broken = [whole.subarray(0, 40), Buffer.concat([whole.subarray(0, 60), Buffer.alloc(60, 7)])];
  for (const content of broken) await found({ layers: [[{ path: 'a.tgz', content }]] });
  const odd = Buffer.concat([tarOf({ path: 'x', content: 'x' }).subarray(0, 1024), Buffer.from('x'.repeat(600))]);
  const after = Buffer.concat([odd, Buffer.from(one('github token').text)]);
  assert.equal((await found({ layers: [[{ path: 'a.tar', content: after }]] })).length, 1, 'no archive to its end');
});

test('another key in the same place is another finding', async () => {
  const key = async (seed: string) => {
    const of = seeds(seed).find(({ kind }) => kind === 'rsa key');
    assert.ok(of !== undefined);
    return (await found({ layers: [[fileOf(of)]] }))[0]?.fingerprint;
  };
  assert.equal(await key('a'), await key('a'));
  assert.notEqual(await key('a'), await key('b'));
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
