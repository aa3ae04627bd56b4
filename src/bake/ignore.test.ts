import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseIgnore } from './ignore.ts';

test('a name is ignored at any depth, a path with a slash only from the folder', () => {
  const ignore = parseIgnore('node_modules\n/dist\na/b\n');
  assert.equal(ignore('x/node_modules', true), 'node_modules');
  assert.equal(ignore('dist', true), '/dist');
  assert.equal(ignore('x/dist', true), null);
  assert.equal(ignore('a/b', false), 'a/b');
  assert.equal(ignore('x/a/b', false), null);
});

test('a rule with a slash at its end means folders only', () => {
  const ignore = parseIgnore('build/\n');
  assert.equal(ignore('build', true), 'build/');
  assert.equal(ignore('build', false), null);
});

test('the last line that matches decides', () => {
  const ignore = parseIgnore('*.log\n!keep.log\n');
  assert.equal(ignore('a.log', false), '*.log');
  assert.equal(ignore('keep.log', false), null);
});

test('comments and blank lines say nothing; a backslash makes a name of them', () => {
  const ignore = parseIgnore('# a comment\n\n\\#file\r\n');
  assert.equal(ignore('# a comment', false), null);
  assert.equal(ignore('#file', false), '\\#file');
});

test("Kiln's own files and .git are always left out, and no line takes them back in", () => {
  const ignore = parseIgnore('!kiln.lock\n!.git\n');
  for (const path of ['kiln.lock', 'kiln.yaml', '.kilnignore']) assert.notEqual(ignore(path, false), null);
  assert.notEqual(ignore('.git', true), null);
  assert.equal(ignore('docs/kiln.yaml', false), null);
});
