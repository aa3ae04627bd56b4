import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';

import { textOfSpec } from './text.ts';

test('a file as a person would write it, and it says the same', () => {
  const content = {
    service: 'web',
    image: {
      from: 'debian:bookworm',
      packages: ['nodejs', 'ca-certificates'],
      files: [{ from: 'stage:build', path: '/a', to: '/a' }],
      run: ['npm ci', 'set -e\necho "a: b"\n', { run: 'x', with: { 'a.sh': '/tmp/a.sh' } }],
      env: { NODE_ENV: 'production', PORT: '80' },
    },
    run: { port: 80 },
  };
  const text = textOfSpec(content, ['Made for a test.', '- it holds']);
  assert.deepEqual(parse(text), content);
  assert.match(text, /^# Made for a test\.\n# - it holds\n/);
  assert.match(text, /^ {2}packages: \[ ?nodejs, ca-certificates ?\]$/m);
  assert.match(text, /^ {2}run:\n {4}- npm ci\n {4}- \|\n {6}set -e\n/m);
});
