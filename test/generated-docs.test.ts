import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';

import { generatedDocs } from '../scripts/generate-docs.ts';

for (const [path, content] of Object.entries(generatedDocs())) {
  test(`${path} is what the source generates`, () => {
    const committed = readFileSync(resolve(import.meta.dirname, '..', path), 'utf8');
    assert.equal(committed, content, 'run: node scripts/generate-docs.ts');
  });
}
