import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { type Credentials, dockerCredentials } from './docker-credentials.ts';
import { openImageStore } from './layout.ts';
import { pullImage } from './pull.ts';
import { parseChallenges } from './registry-auth.ts';
import { hostileRegistry, isBlob, type Twist } from './testing/hostile-registry.ts';
import { fileEntry, putTestImage, testFolder } from './testing/images.ts';

const PASSWORD: Credentials = { kind: 'password', username: 'me', password: 'top-secret-password' };
const REFRESH: Credentials = { kind: 'token', token: 'top-secret-refresh' };
const BASIC = `Basic ${Buffer.from('me:top-secret-password').toString('base64')}`;

/** Pulls through the twist. Answers the error's whole text, or null where the pull succeeded. */
async function pullThrough(
  twist: Twist,
  credentials: Credentials | null,
): Promise<{ error: string | null; requests: readonly string[] }> {
  await using folder = await testFolder();
  const source = await openImageStore(join(folder.path, 'source'));
  const image = await putTestImage(source, [[fileEntry('a', '1')]]);
  await using registry = await hostileRegistry(source, image, twist);
  const store = await openImageStore(join(folder.path, 'store'));
  const options = { credentials: () => Promise.resolve(credentials), transport: { attempts: 2, pauseMs: 1, stallMs: 2000 } };
  const error = await pullImage(`${registry.host}/web:1`, store, options).then(
    () => null,
    (thrown: Error & { code?: string; hint?: string }) =>
      `${thrown.code} ${thrown.message} ${thrown.hint} ${thrown.stack} ${String(thrown.cause)}`,
  );
  return { error, requests: registry.requests };
}

/** A registry that wants a bearer token, and its token server, which gives `token` to whom `lets` in. */
const bearer =
  (token: string, lets: (request: IncomingMessage) => boolean): Twist =>
  (request, response) => {
    const realm = `http://${request.headers.host}/token`;
    if (request.url?.startsWith('/token') === true) return giveToken(response, lets(request) ? { token } : null);
    if (request.headers.authorization === `Bearer ${token}`) return false;
    const challenge = `Bearer realm="${realm}",service="test, registry",scope="repository:web:pull"`;
    return Boolean(response.writeHead(401, { 'www-authenticate': challenge }).end());
  };

const giveToken = (response: ServerResponse, answer: object | null): boolean =>
  Boolean(answer === null ? response.writeHead(401).end() : response.end(JSON.stringify(answer)));

test('a token is fetched anonymously, once for all requests of one scope', async () => {
  const { error, requests } = await pullThrough(
    bearer('anonymous', (request) => request.headers.authorization === undefined),
    null,
  );
  assert.equal(error, null);
  const asked = requests.filter((line) => line.includes('/token'));
  assert.deepEqual(asked, ['GET /token?scope=repository%3Aweb%3Apull&service=test%2C+registry']);
});

test('a token is fetched for a password', async () => {
  const { error } = await pullThrough(
    bearer('for-me', (request) => request.headers.authorization === BASIC),
    PASSWORD,
  );
  assert.equal(error, null);
});

test('a token is fetched for a refresh token, which is in no address', async () => {
  const { error, requests } = await pullThrough(
    bearer('refreshed', (request) => request.method === 'POST' && request.headers.authorization === undefined),
    REFRESH,
  );
  assert.equal(error, null);
  assert.ok(requests.every((line) => !line.includes('top-secret')));
});

const REFUSALS: readonly [why: string, twist: Twist, code: RegExp][] = [
  ['its token server refuses', bearer('x', () => false), /^REGISTRY_DENIED/],
  [
    'it refuses every token',
    (request, response) =>
      request.url?.startsWith('/token') === true
        ? giveToken(response, { token: 'top-secret-token' })
        : challenge(request, response, 'bearer'),
    /^REGISTRY_DENIED/,
  ],
  ['it refuses the password', (request, response) => challenge(request, response, 'basic'), /^REGISTRY_DENIED/],
  [
    'its token has line ends in it',
    (request, response) =>
      request.url?.startsWith('/token') === true
        ? giveToken(response, { token: 'top-secret-token\r\nx: y' })
        : challenge(request, response, 'bearer'),
    /^REGISTRY_PROTOCOL/,
  ],
  [
    'its token server is no address',
    (_, response) => Boolean(response.writeHead(401, { 'www-authenticate': 'Bearer realm="nowhere"' }).end()),
    /^REGISTRY_PROTOCOL/,
  ],
  [
    'its token server is a file',
    (_, response) => Boolean(response.writeHead(401, { 'www-authenticate': 'Bearer realm="file:///etc/passwd"' }).end()),
    /^REGISTRY_PROTOCOL/,
  ],
  [
    'its token server says nothing of use',
    (request, response) =>
      request.url?.startsWith('/token') === true
        ? Boolean(response.end('top-secret-nonsense'))
        : challenge(request, response, 'bearer'),
    /^REGISTRY_PROTOCOL/,
  ],
];

function challenge(request: IncomingMessage, response: ServerResponse, scheme: 'bearer' | 'basic'): boolean {
  const realm = scheme === 'basic' ? 'Basic realm="x"' : `Bearer realm="http://${request.headers.host}/token"`;
  return Boolean(response.writeHead(401, { 'www-authenticate': realm }).end(`you sent ${request.headers.authorization}`));
}

for (const [why, twist, code] of REFUSALS) {
  test(`when ${why}, the error holds no secret`, async () => {
    const { error } = await pullThrough(twist, PASSWORD);
    assert.match(error ?? '', code);
    assert.doesNotMatch(error ?? '', /top-secret|dG9wLXNlY3JldA|bWU6dG9w/);
  });
}

test('a redirect to another host gets no credentials, and a challenge from there none either', async () => {
  const seen: (string | undefined)[] = [];
  await using folder = await testFolder();
  const source = await openImageStore(join(folder.path, 'source'));
  const image = await putTestImage(source, [[fileEntry('a', '1')]]);
  let isGreedy = false;
  await using elsewhere = await hostileRegistry(source, image, (request, response) => {
    seen.push(request.headers.authorization);
    return isGreedy && challenge(request, response, 'bearer');
  });
  await using registry = await hostileRegistry(source, image, (request, response) => {
    if (request.headers.authorization !== BASIC) return challenge(request, response, 'basic');
    return isBlob(request) && Boolean(response.writeHead(307, { location: `http://${elsewhere.host}${request.url}` }).end());
  });
  const options = { credentials: () => Promise.resolve(PASSWORD), transport: { attempts: 2, pauseMs: 1 } };
  const pullInto = async (name: string): Promise<unknown> =>
    pullImage(`${registry.host}/web:1`, await openImageStore(join(folder.path, name)), options);
  assert.equal(await pullInto('one'), image);
  isGreedy = true;
  await assert.rejects(pullInto('two'), { code: 'REGISTRY_DENIED' });
  assert.ok(seen.length >= 3);
  assert.ok(seen.every((header) => header === undefined));
});

test('challenges are read in every form that registries send', () => {
  const forms: readonly [string, unknown][] = [
    [
      'Bearer realm="https://a/b",service="s",scope="repository:x:pull,push"',
      [['bearer', { realm: 'https://a/b', service: 's', scope: 'repository:x:pull,push' }]],
    ],
    ['Basic realm="a \\"b\\", c"', [['basic', { realm: 'a "b", c' }]]],
    [
      'bearer Realm=plain , Basic realm="x"',
      [
        ['bearer', { realm: 'plain' }],
        ['basic', { realm: 'x' }],
      ],
    ],
    ['Negotiate', [['negotiate', {}]]],
    ['', []],
  ];
  for (const [header, expected] of forms) {
    assert.deepEqual(
      parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]),
      expected,
      header,
    );
  }
});

test("Docker's configuration is read in all its forms", async () => {
  await using folder = await testFolder();
  const auth = Buffer.from('me:pass:word').toString('base64');
  const auths = {
    'https://index.docker.io/v1/': { auth },
    'plain.example': { username: 'u', password: 'p' },
    'https://old.example/v1/': { auth },
    'token.example': { auth, identitytoken: 'refresh' },
    'empty.example': {},
  };
  await writeFile(join(folder.path, 'config.json'), JSON.stringify({ auths, HttpHeaders: {} }));
  const source = dockerCredentials(folder.path);
  assert.deepEqual(await source('docker.io'), { kind: 'password', username: 'me', password: 'pass:word' });
  assert.deepEqual(await source('plain.example'), { kind: 'password', username: 'u', password: 'p' });
  assert.deepEqual(await source('old.example'), { kind: 'password', username: 'me', password: 'pass:word' });
  assert.deepEqual(await source('token.example'), { kind: 'token', token: 'refresh' });
  assert.equal(await source('empty.example'), null);
  assert.equal(await source('unknown.example'), null);
  assert.equal(await dockerCredentials(join(folder.path, 'none'))('docker.io'), null);
  await writeFile(join(folder.path, 'config.json'), '{"auths": top-secret');
  await assert.rejects(source('docker.io'), (error: Error) => !`${error.message} ${String(error.cause)}`.includes('top-secret'));
  await writeFile(join(folder.path, 'config.json'), '{"credsStore": "../../bin/sh"}');
  await assert.rejects(source('docker.io'), { code: 'REGISTRY_DENIED', message: /malformed name/ });
});
