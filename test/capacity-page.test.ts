/** docs/capacity.md: its kiln.yaml parses, and its experiment is what the command says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { parseSpec } from '../src/spec/parse.ts';

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'capacity.md'), 'utf8');

test('the file that the page shows follows its load and lets nothing get old', () => {
  const { run } = parseSpec(/```yaml\n([^]*?)```/.exec(page)?.[1] ?? '', 'kiln.yaml');
  assert.deepEqual(run.instances, { min: 2, desired: 3, max: 10 });
  assert.partialDeepStrictEqual(run.scale, { cpu: 60, requests: 50, up: 30_000, down: 300_000 });
  assert.equal(run['max-age'], 7 * 86_400_000);
});
