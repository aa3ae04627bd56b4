import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Recipe, Stage } from '../domain/recipe.ts';
import { neededStages } from './stage-order.ts';
import { aRecipe, aStage } from './testing/recipes.ts';

const copying = (name: string, ...from: readonly string[]): Stage =>
  aStage(name, { files: from.map((stage) => ({ from: '/', stage, to: '/', owner: null, mode: null })) });

const recipe = (final: Stage, ...stages: readonly Stage[]): Recipe => aRecipe('/', { stages, final });

test('only the stages that the image needs are baked, each after those it needs', () => {
  const order = neededStages(recipe(copying('image', 'b'), copying('a'), copying('unused'), copying('b', 'a')));
  assert.deepEqual(
    order.map((stage) => stage.name),
    ['a', 'b', 'image'],
  );
});

test('a stage may start from another', () => {
  const order = neededStages(recipe(aStage('image', { from: { kind: 'stage', stage: 'a' } }), copying('a')));
  assert.deepEqual(
    order.map((stage) => stage.name),
    ['a', 'image'],
  );
});

test('stages that need each other are refused, with the circle', () => {
  assert.throws(() => neededStages(recipe(copying('image', 'a'), copying('a', 'b'), copying('b', 'a'))), {
    code: 'CONFIG_INVALID',
    message: /a → b → a/,
  });
});

test('a stage that is not there is refused, with those that are', () => {
  assert.throws(() => neededStages(recipe(copying('image', 'bild'), copying('build'))), {
    code: 'CONFIG_INVALID',
    hint: /build/,
  });
});
