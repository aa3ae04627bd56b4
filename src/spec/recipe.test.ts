import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { DockerfileRecipe, Recipe, Stage } from '../domain/recipe.ts';
import { parseSpec } from './parse.ts';
import { recipeOf } from './recipe.ts';

const recipe = (image: string): Recipe | DockerfileRecipe =>
  recipeOf(parseSpec(`service: web\nimage:\n${image}`, 'kiln.yaml'), '/srv/web');

function built(image: string): Recipe {
  const found = recipe(image);
  assert.ok('final' in found);
  return found;
}

const BARE: Stage = {
  name: 'image',
  from: { kind: 'scratch' },
  packages: [],
  user: { name: 'app', uid: 10_001 },
  files: [],
  run: [],
  env: {},
  workdir: null,
};
const DEBIAN = { kind: 'debian', suite: 'bookworm', snapshot: null } as const;

test('a recipe that says only its base', () => {
  assert.deepEqual(recipe('  from: scratch\n'), {
    folder: '/srv/web',
    stages: [],
    final: BARE,
    entrypoint: [],
    command: [],
    ports: [],
    labels: {},
    stopSignal: null,
    compression: 'gzip',
  });
});

test('stages, in the order of the file, on the base of the image where they name none', () => {
  const { stages, final } = built(`  from: debian:bookworm
  stages:
    z-build:
      packages: [npm, npm]
      files: { ./: /src }
      run: [npm ci, { run: npm test, network: false, env: { CI: 1 } }]
    a-second: { from: stage:z-build, user: { name: builder, uid: 7 }, workdir: /src }
  files:
    - { from: stage:z-build, path: /src, to: /app, owner: app:app, mode: 0750 }
    - { from: conf/*.json, to: /etc/app/ }
    - { path: server.js, to: /app/ }
  env: { PORT: 80 }
`);
  assert.deepEqual(stages, [
    {
      ...BARE,
      name: 'z-build',
      from: DEBIAN,
      user: null,
      packages: ['npm'],
      files: [{ from: './', stage: null, to: '/src', owner: null, mode: null }],
      run: [
        { command: 'npm ci', network: true, env: {}, with: [] },
        { command: 'npm test', network: false, env: { CI: '1' }, with: [] },
      ],
    },
    { ...BARE, name: 'a-second', from: { kind: 'stage', stage: 'z-build' }, user: { name: 'builder', uid: 7 }, workdir: '/src' },
  ]);
  assert.deepEqual(final, {
    ...BARE,
    from: DEBIAN,
    files: [
      { from: '/src', stage: 'z-build', to: '/app', owner: 'app:app', mode: 0o750 },
      { from: 'conf/*.json', stage: null, to: '/etc/app/', owner: null, mode: null },
      { from: 'server.js', stage: null, to: '/app/', owner: null, mode: null },
    ],
    env: { PORT: '80' },
  });
});

const user = (rest: string): unknown => built(rest).final.user;

test('never root by omission, and root where it is named', () => {
  assert.deepEqual(user('  from: debian:bookworm\n'), { name: 'app', uid: 10_001 });
  assert.deepEqual(user('  from: debian:bookworm\n  user: root\n'), { name: 'root', uid: 0 });
  assert.deepEqual(user('  from: debian:bookworm\n  user: www-data\n'), { name: 'www-data', uid: 10_001 });
  assert.equal(user('  from: image:base:1.0\n'), null);
});

test('a Dockerfile', () => {
  assert.deepEqual(recipe('  dockerfile: docker/Dockerfile\n'), {
    folder: '/srv/web',
    dockerfile: 'docker/Dockerfile',
    args: {},
    target: null,
    bases: {},
    compression: 'gzip',
  });
  assert.deepEqual(recipe('  dockerfile: { args: { A: 1 }, target: run, bases: { "node:20": "127.0.0.1:5000/node:20" } }\n'), {
    folder: '/srv/web',
    dockerfile: 'Dockerfile',
    args: { A: '1' },
    target: 'run',
    bases: { 'node:20': '127.0.0.1:5000/node:20' },
    compression: 'gzip',
  });
});
