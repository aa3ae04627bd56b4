/** Images as bases, each kind against the real thing: a registry, a layout on disk, Kiln's own store. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { Digest } from '../domain/digest.ts';
import type { Base } from '../domain/recipe.ts';
import { pushImage } from '../oci/push.ts';
import { startRegistry } from '../oci/testing/docker-registry.ts';
import { run } from '../platform/exec.ts';
import { aFile, aRecipe, aStage } from './testing/recipes.ts';
import { openTrial, type Trial } from './testing/trial.ts';

const root = requires('root');

/** An image with one file, `/base`, and a tag. */
async function bakeBase(trial: Trial, content: string, version: string): Promise<Digest> {
  await trial.write('base', content);
  const recipe = aRecipe(trial.folder, { final: aStage('image', { files: [aFile('base', '/base')] }) });
  return (await trial.bake(recipe, { version })).digest;
}

async function recipeOn(trial: Trial, from: Base): Promise<ReturnType<typeof aRecipe>> {
  await trial.write('own', 'own');
  return aRecipe(trial.folder, { final: aStage('image', { from, files: [aFile('own', '/own')] }) });
}

/** The image's files without the standard folders, and what its annotations say that it stands on. */
async function madeOf(trial: Trial, digest: Digest): Promise<readonly [readonly string[], string | undefined]> {
  const names = (await trial.layers(digest)).join('\n').matchAll(/ (base|own)$/gm);
  const { annotations } = await trial.store.image(digest);
  return [[...names].map(([, name = '']) => name), annotations['org.opencontainers.image.base.digest']];
}

test('image: one of the store, by tag and by digest', root, async () => {
  await using trial = await openTrial();
  const base = await bakeBase(trial, 'one', '1');
  for (const reference of ['web:1', base, base.slice(7, 19)]) {
    const { digest } = await trial.bake(await recipeOn(trial, { kind: 'kiln', reference }));
    assert.deepEqual(await madeOf(trial, digest), [['base', 'own'], base], reference);
  }
});

test('oci: a layout on disk, by its only image and by digest; it is checked on the way', root, async () => {
  await using made = await openTrial();
  const base = await bakeBase(made, 'one', '1');
  await using trial = await openTrial();
  const path = relative(trial.folder, made.home.images);
  for (const digest of [null, base]) {
    const baked = await trial.bake(await recipeOn(trial, { kind: 'layout', path, digest }));
    assert.deepEqual(await madeOf(trial, baked.digest), [['base', 'own'], base]);
  }
  await bakeBase(made, 'two', '2');
  const several = await recipeOn(trial, { kind: 'layout', path, digest: null });
  await assert.rejects(trial.bake(several), { code: 'BASE_UNAVAILABLE' });
});

test(
  'registry: a tag is locked, needs no registry again, and moves with an update that tells what moved',
  requires('root', 'docker-registry', 'skopeo'),
  async () => {
    await using made = await openTrial();
    const [one, two] = [await bakeBase(made, 'one', '1'), await bakeBase(made, 'two', '2')];
    await using trial = await openTrial();
    const registry = await startRegistry();
    const reference = `${registry.host}/base:stable`;
    const recipe = await recipeOn(trial, { kind: 'registry', reference });
    const first = await (async () => {
      await using _ = registry;
      await pushImage(one, reference, made.store);
      const baked = await trial.bake(recipe);
      const layout = `oci:${made.home.images}:web:2`;
      await run('skopeo', ['copy', '-q', '--dest-tls-verify=false', layout, `docker://${reference}`]);
      assert.equal((await trial.bake(recipe)).digest, baked.digest, 'the lock holds while the tag moves');
      const updated = await trial.bake(recipe, { update: true });
      assert.deepEqual(updated.moved, [{ kind: 'base', name: reference, from: one, to: two }]);
      assert.deepEqual(await madeOf(trial, updated.digest), [['base', 'own'], two]);
      assert.notEqual(updated.digest, baked.digest);
      return updated;
    })();
    assert.match(await readFile(join(trial.folder, 'kiln.lock'), 'utf8'), new RegExp(two));
    assert.equal((await trial.bake(recipe)).digest, first.digest, 'without the registry');
  },
);
