/** The corpus of recipes and its description: each can be read, and none is left out. What they bake to is for bench/. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { loadSpec } from '../src/spec/load.ts';
import { recipeOf } from '../src/spec/recipe.ts';

const CORPUS = join(import.meta.dirname, 'corpus');
const names = readdirSync(CORPUS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

for (const name of names) {
  test(`corpus: ${name} is a recipe`, async () => {
    const folder = join(CORPUS, name);
    assert.equal(recipeOf(await loadSpec(folder), folder).folder, folder);
  });
}

test('the description lists every recipe of the corpus', () => {
  const told = [...readFileSync(join(CORPUS, 'README.md'), 'utf8').matchAll(/^\| ([a-z-]+) +\|/gm)].map(([, name = '']) => name);
  assert.deepEqual(told.filter((name) => name !== 'recipe' && !name.startsWith('-')).toSorted(), names.toSorted());
});
