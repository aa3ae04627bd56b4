/** A second bake elsewhere: what is the same, and what is not and why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Recipe } from '../domain/recipe.ts';
import { openLayerMounts } from '../linux/layers.ts';
import { systemClock } from '../platform/clock.ts';
import { noLineage } from '../bake/testing/no-lineage.ts';
import { aFile, aRecipe, aRun, aStage } from '../bake/testing/recipes.ts';
import { openTrial, writeShellRoot, type Trial } from '../bake/testing/trial.ts';
import { requires } from '../../test/requires.ts';
import type { Reproduction } from './contract.ts';
import { reproduce } from './reproduce.ts';

const root = requires('root', 'runc');

async function reproduced(trial: Trial, recipe: Recipe): Promise<Reproduction> {
  const { digest } = await trial.bake(recipe);
  const { store, home } = trial;
  const onEvent = (): void => {};
  const deps = {
    store,
    home,
    layers: openLayerMounts(home, store),
    clock: systemClock,
    lineage: noLineage,
    signal: new AbortController().signal,
    onEvent,
  };
  return reproduce({ recipe, service: 'web', digest }, deps);
}

async function shellRecipe(trial: Trial, ...commands: readonly string[]): Promise<Recipe> {
  await writeShellRoot(`${trial.folder}/shell`);
  await trial.write('src/b.txt', 'b');
  await trial.write('src/a.txt', 'a');
  const files = [aFile('shell', '/'), aFile('src', '/srv')];
  return aRecipe(trial.folder, { final: aStage('image', { files, run: commands.map((command) => aRun(command)) }) });
}

test('files, a user and a command that depends on nothing else are the same elsewhere', root, async () => {
  await using trial = await openTrial();
  const result = await reproduced(trial, await shellRecipe(trial, 'echo made > /srv/made; echo $SOURCE_DATE_EPOCH > /srv/epoch'));
  assert.deepEqual(result.differences, []);
  assert.equal(result.second, result.first);
  assert.equal(result.same, true);
  assert.deepEqual(
    result.variations.map(({ what }) => what),
    ['clock', 'path', 'umask', 'file order', 'processors', 'host name'],
  );
  assert.deepEqual(await trial.leftMounts(), []);
});

test('what a command took from the disk, from chance and from the umask is found with its step', root, async () => {
  await using trial = await openTrial();
  const recipe = await shellRecipe(trial, 'read id < /proc/sys/kernel/random/uuid; echo "id=$id" > /srv/id');
  const result = await reproduced(trial, recipe);
  assert.equal(result.same, false);
  assert.deepEqual(
    result.differences.map(({ path, cause, step }) => ({ path, cause, step })),
    [{ path: 'srv/id', cause: 'random-ids', step: 'image: run 1 read id < /proc/sys/kernel/random/uuid; echo "id=$id" > /sr…' }],
  );
});
