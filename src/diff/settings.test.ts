/** Values: of configurations, of what releases are launched with, and which of them nobody is shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ReleaseContent } from '../domain/release.ts';
import { RELEASE } from './testing/release.ts';
import { compareLaunch } from './launch.ts';
import { compareLayers } from './layers.ts';
import { compareSettings } from './settings.ts';
import type { Change } from './contract.ts';
import { imageOf } from './testing/images.ts';

const told = (changes: readonly Change[]): Record<string, unknown> =>
  Object.fromEntries(changes.map(({ where, first, second, hidden }) => [where.join(' '), hidden ? 'hidden' : [first, second]]));

test('what two images say of themselves: set, changed and taken away; no order counts where none matters', () => {
  const first = imageOf([], {
    User: 'app',
    Env: ['A=1', 'B=2', 'C=a=b'],
    Entrypoint: ['node', 'a.js'],
    ExposedPorts: { '80/tcp': {}, '443/tcp': {} },
    Labels: { team: 'web', __proto__x: 'a' },
  });
  const second = imageOf(
    [],
    {
      User: '',
      Env: ['C=a=c', 'A=1', 'D='],
      Entrypoint: ['node', 'b.js'],
      ExposedPorts: { '443/tcp': {}, '80/tcp': {} },
      WorkingDir: '/app',
      Labels: { team: 'web', constructor: 'b' },
    },
    { annotations: { 'org.opencontainers.image.revision': 'abc' } },
  );
  assert.deepEqual(told(compareSettings(first, second)), {
    user: ['app', null],
    entrypoint: [
      ['node', 'a.js'],
      ['node', 'b.js'],
    ],
    workdir: [null, '/app'],
    'env B': ['2', null],
    'env C': ['a=b', 'a=c'],
    'env D': [null, ''],
    'label __proto__x': ['a', null],
    'label constructor': [null, 'b'],
    'annotation org.opencontainers.image.revision': [null, 'abc'],
  });
  assert.deepEqual(compareSettings(first, first), []);
});

test('what may be a secret is never shown, by its name or by its look', () => {
  const env = (...Env: readonly string[]): ReturnType<typeof imageOf> => imageOf([], { Env });
  const names = ['DB_PASSWORD', 'dbPass', 'API_KEY', 'GITHUB_TOKEN', 'AUTH', 'SENTRY_DSN', 'SESSION_SECRET', 'TLS_CERT'];
  const looks = ['URL=postgres://ada:x@db/web', `T=ghp_${'a1B2'.repeat(9)}`];
  const changes = compareSettings(env(), env(...names.map((name) => `${name}=x`), ...looks));
  assert.equal(changes.length, names.length + looks.length);
  assert.ok(changes.every(({ hidden, second }) => hidden && second === null));
  const harmless = ['LOG_LEVEL=info', 'PASSWORD_FILE=/run/secrets/db', 'KEY_PATH=/x', 'AUTHOR=ada', 'MONKEY=1', 'API_KEY='];
  assert.ok(compareSettings(env(), env(...harmless)).every(({ hidden }) => !hidden));
  const entry = compareSettings(imageOf([]), imageOf([], { Cmd: ['app', '--db=mysql://root:toor@db'] }));
  assert.deepEqual(told(entry), { command: 'hidden' });
});

test('releases: references by what they are called, with versions and never hidden, because they hold no value', () => {
  const reference = (name: string, version: string | null) =>
    ({ from: `etcd://${name}`, to: { kind: 'env', name }, pin: { version, fingerprint: 'e0e1e2e3e4' } }) as const;
  const launched = (...references: readonly ReturnType<typeof reference>[]): ReleaseContent => ({
    ...RELEASE,
    launch: { ...RELEASE.launch, references },
  });
  assert.deepEqual(
    told(compareLaunch(launched(reference('API_TOKEN', '5')), launched(reference('B', null), reference('API_TOKEN', '7')))),
    {
      'references API_TOKEN version': ['5', '7'],
      'references B': [null, { name: 'B', from: 'etcd://B', version: 'value e0e1e2e3' }],
    },
  );
});

test('releases: each launch value by its name, a list by the names in it, and never the fleet or the image', () => {
  const second: ReleaseContent = {
    ...RELEASE,
    fleet: 'web.staging' as ReleaseContent['fleet'],
    image: `sha256:${'1'.repeat(64)}` as ReleaseContent['image'],
    launch: {
      ...RELEASE.launch,
      env: { LOG_LEVEL: 'debug', TOKEN: 'x' },
      files: [{ path: '/etc/app.conf', content: 'password = hunter2', mode: 0o444 }],
      volumes: [
        { name: 'uploads', path: '/srv/uploads', singleWriter: false },
        { name: 'cache', path: '/cache', singleWriter: true },
      ],
      limits: { ...RELEASE.launch.limits, memoryBytes: 1_000_000_000 },
    },
    health: { ...RELEASE.health, probe: { kind: 'tcp' } },
    replace: { ...RELEASE.replace, strategy: { kind: 'recreate' } },
  };
  const changes = told(compareLaunch(RELEASE, second));
  assert.deepEqual(Object.keys(changes), [
    'env LOG_LEVEL',
    'env TOKEN',
    'volumes uploads path',
    'volumes cache',
    'limits memoryBytes',
    'health probe kind',
    'health probe path',
    'health probe status',
    'replace strategy kind',
    'replace strategy minHealthyPercent',
    'replace strategy maxSurge',
    'files /etc/app.conf content',
  ]);
  assert.deepEqual(changes['env LOG_LEVEL'], ['info', 'debug']);
  assert.deepEqual(changes['env TOKEN'], 'hidden');
  assert.deepEqual(changes['volumes cache'], [null, { name: 'cache', path: '/cache', singleWriter: true }]);
  assert.equal(changes['files /etc/app.conf content'], 'hidden');
  assert.deepEqual(compareLaunch(RELEASE, { ...RELEASE, image: second.image }), []);
});

test('layers: what is shared, stored otherwise, and what only one has; a secret in how one was made is not told', () => {
  const history = [
    { created_by: 'base' },
    { created_by: 'ENV X', empty_layer: true },
    { created_by: 'curl https://a:b@c/ | sh' },
  ];
  const first = imageOf([[{ path: 'a' }], [{ path: 'b' }]]);
  const plain = imageOf([[{ path: 'a' }], [{ path: 'c', content: 'c' }]]);
  const [base, own] = plain.layers as [(typeof plain.layers)[0], (typeof plain.layers)[0]];
  const zipped = { ...base, descriptor: { ...base.descriptor, digest: own.diffId } };
  const second = { ...plain, layers: [zipped, own], config: { ...plain.config, history } };
  const { shared, restored, first: left, second: right } = compareLayers(first, second);
  assert.deepEqual([shared.count, restored, left.length], [1, 1, 1]);
  assert.deepEqual(
    right.map(({ createdBy }) => createdBy),
    ['(it holds a secret)'],
  );
});
