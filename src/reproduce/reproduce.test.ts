/** A second bake elsewhere: what is the same, and what is not and why. */
import assert from 'node:assert/strict';
import { relative } from 'node:path';
import { test } from 'node:test';

import type { DockerfileRecipe, Recipe } from '../domain/recipe.ts';
import { openLayerMounts } from '../linux/layers.ts';
import { systemClock } from '../platform/clock.ts';
import { noLineage } from '../bake/testing/no-lineage.ts';
import { aFile, aRecipe, aRun, aStage } from '../bake/testing/recipes.ts';
import { openTrial, writeShellRoot, type Trial } from '../bake/testing/trial.ts';
import { requires } from '../../test/requires.ts';
import type { Reproduction } from './contract.ts';
import { reproduce } from './reproduce.ts';

const root = requires('root', 'runc');

const CHANCE = 'read id < /proc/sys/kernel/random/uuid; echo "id=$id" > /srv/id';

async function reproduced(trial: Trial, recipe: Recipe | DockerfileRecipe): Promise<Reproduction> {
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
  const recipe = await shellRecipe(trial, CHANCE);
  const result = await reproduced(trial, recipe);
  assert.equal(result.same, false);
  assert.deepEqual(
    result.differences.map(({ path, cause, step }) => ({ path, cause, step })),
    [{ path: 'srv/id', cause: 'random-ids', step: 'image: run 1 read id < /proc/sys/kernel/random/uuid; echo "id=$id" > /sr…' }],
  );
});

test(
  'a Dockerfile over an image of the store: what apt and ldconfig leave is gone, chance is found in its layer',
  requires('root', 'runc', 'buildah'),
  async () => {
    await using trial = await openTrial();
    const base = await trial.bake(await shellRecipe(trial), { version: '1' });
    assert.deepEqual(base.tags, ['web:1']);
    const lists = 'mkdir -p /var/lib/apt/lists && echo $$ > /var/lib/apt/lists/x';
    await trial.write('Dockerfile', `FROM base:1\nRUN ${lists}; ${CHANCE}\nRUN echo fixed > /srv/fixed\n`);
    const recipe = { folder: trial.folder, dockerfile: 'Dockerfile', args: {}, target: null, bases: { 'base:1': 'image:web:1' } };
    const result = await reproduced(trial, recipe);
    assert.deepEqual(
      result.differences.map(({ path, cause }) => ({ path, cause })),
      [{ path: 'srv/id', cause: 'random-ids' }],
    );
    assert.match(result.differences[0]?.step ?? '', /layer 3|Dockerfile|RUN/);
  },
);

test('bases of other kinds are taken as they are: a layout outside of the folder', root, async () => {
  await using trial = await openTrial();
  const shell = await shellRecipe(trial, 'echo base > /srv/base');
  const base = await trial.bake(shell);
  await using other = await openTrial();
  const path = relative(other.folder, trial.home.images);
  const from = { kind: 'layout', path, digest: base.digest } as const;
  const recipe = aRecipe(other.folder, { final: aStage('image', { from, run: [aRun('echo more > /srv/more')] }) });
  const result = await reproduced(other, recipe);
  assert.deepEqual(result.differences, []);
  assert.equal(result.same, true);
});
