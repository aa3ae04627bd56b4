import assert from 'node:assert/strict';
import { test } from 'node:test';

import { patternToRegExp } from './pattern.ts';

const cases: readonly [pattern: string, path: string, matches: boolean][] = [
  ['*.js', 'a.js', true],
  ['*.js', 'a/b.js', false],
  ['*.js', '.js', true],
  ['package*.json', 'package-lock.json', true],
  ['src/**/*.js', 'src/a.js', true],
  ['src/**/*.js', 'src/x/y/a.js', true],
  ['src/**', 'src/x/y', true],
  ['src/**', 'src', false],
  ['**/node_modules', 'a/b/node_modules', true],
  ['a?c', 'abc', true],
  ['a?c', 'a/c', false],
  ['[a-c].txt', 'b.txt', true],
  ['[!a-c].txt', 'b.txt', false],
  ['[!a-c].txt', '/.txt', false],
  ['a.b', 'axb', false],
  ['a(b|c)', 'ab', false],
  ['(x', '(x', true],
  ['[x', '[x', true],
  ['a\\*', 'a*', true],
  ['a\\*', 'ab', false],
];

for (const [pattern, path, matches] of cases) {
  test(`the pattern ${pattern} ${matches ? 'matches' : 'does not match'} ${path}`, () => {
    assert.equal(patternToRegExp(pattern).test(path), matches);
  });
}
