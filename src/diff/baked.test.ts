/** Two bakes of one recipe with something changed in between, compared in a process of their own, as the daemon does. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { aFile, aRecipe, aRun, aStage } from '../bake/testing/recipes.ts';
import { openTrial, writeShellRoot } from '../bake/testing/trial.ts';
import type { Image } from '../oci/store.ts';
import { compareApart } from './compare-apart.ts';
import { compareSettings } from './settings.ts';

test('what a person changed in a recipe is what is told of its images', requires('root', 'runc'), async () => {
  await using trial = await openTrial();
  await writeShellRoot(join(trial.folder, 'shell'));
  await trial.write('src/kept', 'kept');
  await trial.write('src/text', 'one\ntwo\nthree\n');
  await trial.write('src/old/a', 'a');
  const files = [aFile('shell', '/'), aFile('src', '/srv')];
  const baked = async (command: string, env: Record<string, string>): Promise<Image> => {
    const recipe = aRecipe(trial.folder, { final: aStage('image', { files, env, run: [aRun(command)] }) });
    return trial.store.image((await trial.bake(recipe)).digest);
  };
  const first = await baked('echo made > /srv/made', { MODE: 'one' });
  await trial.write('src/text', 'one\n2\nthree\n');
  await rm(join(trial.folder, 'src/old'), { recursive: true });
  await trial.write('src/new/b', 'bb');
  const second = await baked('echo made > /srv/made; : > /srv/more', { MODE: 'two' });

  const { signal } = new AbortController();
  const options = { images: trial.home.images, cacheFolder: join(trial.home.bake, 'gates'), all: false, texts: true, limit: 100 };
  const { files: found } = await compareApart(first, second, { ...options, signal });
  assert.deepEqual(
    found.listed.map(({ path, what, below, text }) => [path, ...what, below?.entries ?? null, text?.lines ?? null]),
    [
      ['/srv/more', 'only second', null, null],
      ['/srv/new', 'only second', 1, null],
      ['/srv/old', 'only first', 1, null],
      ['/srv/text', 'content', null, ['@@ -1,3 +1,3 @@', ' one', '-two', '+2', ' three']],
    ],
  );
  assert.deepEqual(
    compareSettings(first, second).map(({ where }) => where.join(' ')),
    ['env MODE'],
  );
  const same = await compareApart(first, first, { ...options, signal });
  assert.deepEqual([same.files.listed, same.packages.differences], [[], []]);

  const gone = AbortSignal.abort(new Error('the caller went away'));
  await assert.rejects(compareApart(first, second, { ...options, signal: gone }), /went away/);
});
