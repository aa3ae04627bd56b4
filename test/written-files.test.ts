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

for (const path of ['README.md', 'docs/traffic.md']) {
  test(`the files in ${path}`, () => {
    const page = readFileSync(join(ROOT, path), 'utf8');
    const files = [...page.matchAll(/^```yaml\n(service:[^]*?)^```/gm)].map(([, text]) => text ?? '');
    assert.ok(files.length > 0, `${path} shows no kiln.yaml`);
    for (const text of files) parseSpec(text, path);
  });
}
