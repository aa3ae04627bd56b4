/** The corpus of recipes and its description: each can be read, and none is left out. What they bake to is for bench/. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { importPacker } from '../src/packer/import.ts';
import { loadSpec } from '../src/spec/load.ts';
import { parseSpec, type Spec } from '../src/spec/parse.ts';
import { recipeOf } from '../src/spec/recipe.ts';

const CORPUS = join(import.meta.dirname, 'corpus');
const names = readdirSync(CORPUS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const imported = (path: string): Spec => {
  const bases = new Map([['amazon-ebs', 'debian:bookworm']]);
  const nothing = { values: new Map(), valueFiles: [], only: [], except: [], allowOutside: false, env: {} };
  return parseSpec(importPacker({ path, bases, ...nothing, nowMs: 0 }).text, 'kiln.yaml');
};

for (const name of names) {
  test(`corpus: ${name} is a recipe`, async () => {
    const folder = join(CORPUS, name);
    const template = readdirSync(folder).find((each) => each.endsWith('.pkr.hcl') || each === 'template.json');
    const spec = template === undefined ? await loadSpec(folder) : imported(join(folder, template));
    assert.equal(recipeOf(spec, folder).folder, folder);
  });
}

test('there are at least twelve, of every kind', () => {
  assert.ok(names.length >= 12, String(names.length));
  for (const kind of ['dockerfile', 'packer', 'packages', 'python', 'go', 'static', 'multi-stage'])
    assert.ok(names.includes(kind), kind);
});

test('the description lists every recipe of the corpus', () => {
  const told = [...readFileSync(join(CORPUS, 'README.md'), 'utf8').matchAll(/^\| ([a-z-]+) +\|/gm)].map(([, name = '']) => name);
  assert.deepEqual(told.filter((name) => name !== 'recipe' && !name.startsWith('-')).toSorted(), names.toSorted());
});
