import assert from 'node:assert/strict';
import { test } from 'node:test';

import { wrapped } from './wrapped.ts';

test('text is broken between words, and lines after the first are indented as it is', () => {
  assert.deepEqual(wrapped('  fix: ', 'set the times first, then sort', 20), [
    '  fix: set the times',
    '       first, then',
    '       sort',
  ]);
});

test('a word longer than the width stays whole, and short text is one line', () => {
  assert.deepEqual(wrapped('- ', 'a /very/long/path/of/a/file b', 10), ['- a', '  /very/long/path/of/a/file', '  b']);
  assert.deepEqual(wrapped('- ', 'a b', 80), ['- a b']);
});
