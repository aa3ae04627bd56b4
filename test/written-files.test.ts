/** Every kiln.yaml that the project shows is one that Kiln takes. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

import { loadSpec } from '../src/spec/load.ts';
import { parseSpec } from '../src/spec/parse.ts';

const ROOT = resolve(import.meta.dirname, '..');

for (const path of globSync('examples/**/kiln.yaml', { cwd: ROOT, exclude: (name) => name === 'node_modules' })) {
  test(path, async () => {
    await loadSpec(join(ROOT, dirname(path)));
  });
}

test('the file in the README', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const files = [...readme.matchAll(/^```yaml\n(service:[^]*?)^```/gm)].map(([, text]) => text ?? '');
  assert.ok(files.length > 0, 'the README shows no kiln.yaml');
  for (const text of files) parseSpec(text, 'README.md');
});
