import assert from 'node:assert/strict';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { DockerfileRecipe } from '../domain/recipe.ts';
import { pushImage } from '../oci/push.ts';
import { startRegistry } from '../oci/testing/docker-registry.ts';
import { run } from '../platform/exec.ts';
import { aFile, aRecipe, aStage } from './testing/recipes.ts';
import { openTrial } from './testing/trial.ts';

const FIXTURES = join(import.meta.dirname, 'dockerfile/fixtures');
const DEBIAN = { kind: 'debian', suite: 'bookworm', snapshot: null } as const;

test(
  'a locked Debian bake needs no network, and gives the same digest in another home',
  requires('root', 'runc', 'mmdebstrap'),
  async () => {
    await using first = await openTrial();
    await using second = await openTrial();
    const final = aStage('image', { from: DEBIAN, packages: ['tini'], user: { name: 'app', uid: 10_001 } });
    const { digest } = await first.bake(aRecipe(first.folder, { final }));
    const [base = '', added = ''] = await first.layers(digest);
    assert.deepEqual(pathsLike(added, /^usr\/bin\/tini$/), ['usr/bin/tini']);
    assert.deepEqual(pathsLike(base + added, OF_THE_BAKE), []);
    assert.match(await readFile(join(first.folder, 'kiln.lock'), 'utf8'), /^ +- tini \S+ [0-9a-f]{64} pool\//m);

    await cp(join(first.folder, 'kiln.lock'), join(second.folder, 'kiln.lock'));
    await cp(join(first.home.bake, 'debs'), join(second.home.bake, 'debs'), { recursive: true });
    const child = join(import.meta.dirname, 'testing/bake-child.ts');
    const recipe = JSON.stringify(aRecipe(second.folder, { final }));
    const offline = ['--net', '--', process.execPath, child, second.home.root, recipe];
    assert.equal(await run('unshare', offline), digest);
  },
);

/** What installing needs or leaves, and no image may hold. */
const OF_THE_BAKE =
  /^(?:etc\/(?:resolv\.conf|hostname|apt\/sources\.list)|.*99mmdebstrap|usr\/sbin\/policy-rc\.d|var\/(?:lib\/apt\/lists|cache\/apt)\/.+|.*__pycache__\/)$/;

/** The paths in `tar tv`'s lines that match. */
const pathsLike = (listing: string, pattern: RegExp): readonly string[] =>
  listing
    .split('\n')
    .map((line) => line.split(' -> ')[0]?.split(' ').at(-1) ?? '')
    .filter((path) => pattern.test(path));

const everything = requires('root', 'runc', 'mmdebstrap', 'buildah', 'docker-registry');
test("the seeds' Dockerfile bakes on a base that a local registry serves and that Kiln baked", everything, async () => {
  await using registry = await startRegistry();
  await using trial = await openTrial();
  await cp(join(FIXTURES, 'node-base'), trial.folder, { recursive: true });
  const files = [aFile('add*', '/usr/local/bin/', { mode: 0o755 })];
  const final = aStage('image', { from: DEBIAN, packages: ['nodejs', 'npm'], files });
  const base = await trial.bake(aRecipe(trial.folder, { final }));
  const served = `${registry.host}/node:20-alpine`;
  await pushImage(base.digest, served, trial.store);

  await using app = await openTrial(trial.home.root);
  await cp(join(FIXTURES, 'app'), app.folder, { recursive: true });
  const recipe: DockerfileRecipe = {
    folder: app.folder,
    dockerfile: 'Dockerfile',
    args: {},
    target: null,
    bases: { 'node:20-alpine': served },
  };
  const baked = await app.bake(recipe);
  const image = await app.store.image(baked.digest);
  assert.deepEqual(image.config.config.Cmd, ['node', 'server.js']);
  assert.equal(image.annotations['org.opencontainers.image.base.digest'], base.digest);
  assert.deepEqual(image.config.config.Env, ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']);
  const text = (await app.layers(baked.digest)).join('\n');
  assert.equal(pathsLike(text, /^app\/(?:server\.js|node_modules\/express\/package\.json)$/).length, 2);
  assert.deepEqual(pathsLike(text, /^run\/kiln\/.|^root\/\.npm|kiln\.lock/), []);

  const again = await app.bake(recipe);
  assert.equal(again.digest, baked.digest);
  assert.equal(again.changed, false);
});
