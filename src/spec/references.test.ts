/** References in kiln.yaml: what they may be, what they become in a release, and that no error says a value. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import { referenceParts } from '../domain/reference.ts';
import type { Launch } from '../domain/release.ts';
import { KilnError } from '../errors/error.ts';
import { environmentOf } from './environment.ts';
import { trialContent } from './image-tests.ts';
import { parseSpec } from './parse.ts';
import { referencesOf } from './references.ts';
import { releaseContent } from './release.ts';

const IMAGE = `sha256:${'0'.repeat(64)}` as Digest;
const RECIPE = 'service: web\nimage: { from: debian:bookworm }\n';
const spec = (rest: string) => parseSpec(RECIPE + rest, 'f');

function launch(rest: string, environment: string | null = null): Launch {
  const parsed = spec(rest);
  const pinOf = (from: string) => ({ version: '7', fingerprint: `print of ${from}` });
  return releaseContent(parsed, environmentOf(parsed, environment), IMAGE, {}, pinOf).launch;
}

function problem(rest: string): string {
  try {
    spec(rest);
  } catch (error) {
    assert.ok(error instanceof KilnError);
    return error.message;
  }
  throw new Error('nothing was wrong');
}

test('a reference is split into source, name and member', () => {
  assert.deepEqual(referenceParts('etcd://prod/web/db'), { kind: 'etcd', path: 'prod/web/db', field: null });
  assert.deepEqual(referenceParts('etcd:///prod/web/db'), { kind: 'etcd', path: '/prod/web/db', field: null });
  assert.deepEqual(referenceParts('vault://secret/web/db#password'), { kind: 'vault', path: 'secret/web/db', field: 'password' });
  const arn = 'arn:aws:secretsmanager:eu-north-1:123456789012:secret:web-AbCdEf';
  assert.deepEqual(referenceParts(`secretsmanager://${arn}#user`), { kind: 'secretsmanager', path: arn, field: 'user' });
  for (const none of [
    'hunter2',
    'etcd://',
    'etcd:x',
    'http://x/y',
    'env://A-B',
    'env://A/B',
    'vault://secret',
    'vault://secret/',
    'vault://secret/../../sys/x',
    'vault://secret/%2e%2e/x',
    'consul://a/../../agent/self',
    'file://../x',
    'file:///etc/./x',
    'etcd://a\nb',
    'etcd://a#',
    ' etcd://a',
  ])
    assert.equal(referenceParts(none), null, none);
});

test('the short form is a variable; by choice it is a file in memory that only the user may read', () => {
  const { env, references } = launch(`run:
  env: { LEVEL: info, TOKEN: { from: env://TOKEN } }
  secrets:
    URL: etcd://prod/url
    KEY: { from: vault://secret/tls#key, as: file }
  files: { /etc/app.json: { from: consul://web/app }, /etc/motd: { from: ssm://motd, mode: 0444 }, /etc/plain: hello }
`);
  assert.deepEqual(env, { LEVEL: 'info' });
  const pinned = (from: string) => ({ from, pin: { version: '7', fingerprint: `print of ${from}` } });
  assert.deepEqual(references, [
    { ...pinned('consul://web/app'), to: { kind: 'file', path: '/etc/app.json', mode: 0o400 } },
    { ...pinned('ssm://motd'), to: { kind: 'file', path: '/etc/motd', mode: 0o444 } },
    { ...pinned('vault://secret/tls#key'), to: { kind: 'file', path: '/run/secrets/KEY', mode: 0o400 } },
    { ...pinned('env://TOKEN'), to: { kind: 'env', name: 'TOKEN' } },
    { ...pinned('etcd://prod/url'), to: { kind: 'env', name: 'URL' } },
  ]);
});

test('a release without references has nothing of them, and text that looks like one is text', () => {
  const plain = launch('run: { env: { A: "etcd://localhost:2379" } }');
  assert.ok(!('references' in plain));
  assert.deepEqual(plain.env, { A: 'etcd://localhost:2379' });
});

test('an environment goes over the file, text over a reference and a reference over text', () => {
  const file = `run:
  env: { URL: postgres://localhost, LEVEL: info }
  secrets: { TOKEN: etcd://dev/token, KEY: { from: etcd://dev/key, as: file } }
environments:
  local: { env: { TOKEN: none, KEY: as a variable } }
  production: { secrets: { URL: etcd://prod/url, TOKEN: etcd://prod/token } }
`;
  const local = launch(file, 'local');
  assert.deepEqual(local.env, { URL: 'postgres://localhost', LEVEL: 'info', TOKEN: 'none', KEY: 'as a variable' });
  assert.deepEqual(
    local.references?.map(({ from }) => from),
    ['etcd://dev/key'],
  );
  const production = launch(file, 'production');
  assert.deepEqual(production.env, { LEVEL: 'info' });
  assert.deepEqual(
    production.references?.map(({ from }) => from),
    ['etcd://dev/key', 'etcd://prod/token', 'etcd://prod/url'],
  );
});

test('instances that test an image get what stands under test, and no reference at all', () => {
  const parsed = spec(`run:
  env: { LEVEL: info, TOKEN: { from: env://TOKEN, test: "42" } }
  secrets: { URL: { from: etcd://url, test: "postgres://test" }, KEY: { from: etcd://key, as: file }, BARE: etcd://bare }
  files: { /etc/app.json: { from: etcd://app, test: "{}" } }
`);
  const { launch: tested } = trialContent(parsed, IMAGE, {});
  assert.deepEqual(tested.env, { LEVEL: 'info', TOKEN: '42', URL: 'postgres://test', BARE: 'kiln-test' });
  assert.deepEqual(tested.files, [
    { path: '/etc/app.json', content: '{}', mode: 0o400 },
    { path: '/run/secrets/KEY', content: 'kiln-test', mode: 0o400 },
  ]);
  assert.equal(tested.references, undefined);
});

test('the order in the file means nothing', () => {
  const one = environmentOf(spec('run: { secrets: { A: etcd://a, B: etcd://b } }'), null);
  const two = environmentOf(spec('run: { secrets: { B: etcd://b, A: etcd://a } }'), null);
  assert.deepEqual(referencesOf(one.run), referencesOf(two.run));
});

test('a value where a reference belongs is refused without being said', () => {
  for (const wrong of [
    'DB: hunter2',
    'DB: 31337001',
    'DB: { from: hunter2 }',
    'DB: { from: 31337001 }',
    'DB: { value: hunter2 }',
    'DB: [hunter2]',
    'DB: "vault://hunter2"',
  ]) {
    const said = problem(`run: { secrets: { ${wrong} } }`);
    assert.doesNotMatch(said, /hunter2|31337001/, wrong);
    assert.match(said, /run\.secrets\.DB/);
  }
  assert.match(problem('run: { secrets: { DB: x } }'), /expected a reference \(env:\/\/…, .*\); the value itself stays/);
  assert.match(problem('run: { files: { /x: { from: "vault://x" } } }'), /or a whole reference/);
});

test('a variable has one value, a path one file, and test values are for references', () => {
  assert.match(problem('run: { env: { A: 1 }, secrets: { A: etcd://a } }'), /run\.secrets\.A: the variable A is under env, too/);
  assert.match(problem('environments: { p: { env: { A: 1 }, secrets: { A: etcd://a } } }'), /environments\.p\.secrets\.A: the/);
  assert.doesNotThrow(() => spec('run: { env: { A: 1 }, secrets: { A: { from: etcd://a, as: file } } }'));
  assert.match(
    problem('run: { files: { /run/secrets/A: x }, secrets: { A: { from: etcd://a, as: file } } }'),
    /\/run\/secrets\/A is mounted twice/,
  );
  assert.match(problem('run: { files: { /x: { content: y, test: z } } }'), /only a file whose `from` is a reference/);
});
