import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { Recipe } from '../domain/recipe.ts';
import { aFile, aRecipe, aRun, aStage } from './testing/recipes.ts';
import { openTrial, writeShellRoot, type Trial } from './testing/trial.ts';

const rootAndRunc = requires('root', 'runc');

/** A shell, and one command that something is lent to. */
const lending = ({ folder }: Trial, command: string, lent: Readonly<Record<string, string>>): Recipe => {
  const run = [aRun(command, { with: Object.entries(lent).map(([from, to]) => ({ from, to })) })];
  return aRecipe(folder, { final: aStage('image', { files: [aFile('shell/', '/')], run }) });
};

async function openLentTrial(): Promise<Trial> {
  const trial = await openTrial();
  await writeShellRoot(join(trial.folder, 'shell'));
  await trial.write('setup.sh', '#!/bin/sh\nread line </tmp/in/data && echo "made of $line" >/made && echo used >/tmp/in/data\n');
  await chmod(join(trial.folder, 'setup.sh'), 0o755);
  await trial.write('data', 'clay\n');
  return trial;
}

test('a file that is lent is there while its step runs, and not in the image', rootAndRunc, async () => {
  await using trial = await openLentTrial();
  const baked = await trial.bake(lending(trial, '/tmp/x', { 'setup.sh': '/tmp/x', data: '/tmp/in/data' }));
  const layer = (await trial.layers(baked.digest)).at(-1) ?? '';
  assert.match(layer, / 13 .* made\n$/);
  assert.equal(layer.trim().split('\n').length, 1, 'nothing else is in the layer');
  assert.deepEqual(await trial.leftMounts(), []);
});

test('a change of what is lent bakes the step again, and nothing else does', rootAndRunc, async () => {
  await using trial = await openLentTrial();
  const recipe = lending(trial, 'echo $(. /tmp/setup.sh) >/made', { 'setup.sh': '/tmp/' });
  await trial.bake(recipe);
  await trial.write('data', 'iron\n');
  assert.equal(
    (await trial.bake(recipe)).steps.every((step) => step.cached),
    true,
    'a file that is not lent is no input',
  );
  await trial.write('setup.sh', 'echo other\n');
  const changed = await trial.bake(recipe);
  assert.deepEqual(
    changed.steps.filter((step) => !step.cached).map((step) => step.name),
    ['image: run 1 echo $(. /tmp/setup.sh) >/made'],
  );
});

test('what is lent must be in the folder', rootAndRunc, async () => {
  await using trial = await openLentTrial();
  await assert.rejects(trial.bake(lending(trial, ':', { 'nothing.sh': '/tmp/x' })), { code: 'FILE_UNREADABLE' });
});
