/** docs/waves.md: its kiln.yaml parses, and has the waves that the page tells of. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { parse } from '../src/spec/parse.ts';
import { wavesOf } from '../src/spec/services.ts';

test('the file that the page shows has the waves that it tells of', () => {
  const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'waves.md'), 'utf8');
  const text = /```yaml\n([^]*?)```/.exec(page)?.[1] ?? '';
  const services = parse(text, 'kiln.yaml').map(({ spec, dependsOn }) => ({ name: spec.service, dependsOn }));
  assert.deepEqual(wavesOf(services), [['database'], ['api'], ['web']]);
});
