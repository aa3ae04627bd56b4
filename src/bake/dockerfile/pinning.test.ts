import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseDockerignore } from './context.ts';
import { readInstructions } from './instructions.ts';
import { readDockerfile } from './pinning.ts';

const pinned = (
  text: string,
  names: Readonly<Record<string, string>> = {},
  given: Readonly<Record<string, string>> = {},
): string => readDockerfile(text, given).rewrite(new Map(Object.entries(names)), []);
const imagesOf = (text: string, given: Readonly<Record<string, string>> = {}): readonly string[] =>
  readDockerfile(text, given).images;

test('every image is found once; stages and scratch are none', () => {
  assert.deepEqual(imagesOf('FROM node:20 AS build\nFROM node:20\nfrom Build as Two\nFROM scratch\nFROM two\n'), ['node:20']);
});

test('FROM is written anew with the name that only the bake knows, and nothing else is changed', () => {
  const text = '# syntax=x\nFROM --platform=$BUILDPLATFORM \\\n  # why\n  node:20 AS build\nRUN echo node:20\nFROM build\n';
  assert.equal(pinned(text, { 'node:20': 'kiln/1' }), '# syntax=x\nFROM kiln/1 AS build\nRUN echo node:20\nFROM build\n');
});

test('arguments before the first FROM are filled in, the given ones first', () => {
  const text = 'ARG V=20\nARG NAME="node:${V}"\nFROM ${NAME}-alpine\nFROM ${MISSING:-busybox:1}\n';
  assert.deepEqual(imagesOf(text), ['node:20-alpine', 'busybox:1']);
  assert.deepEqual(imagesOf(text, { V: '22' }), ['node:22-alpine', 'busybox:1']);
  assert.throws(() => imagesOf('FROM $MISSING\n'), { code: 'CONFIG_INVALID', message: /line 1/ });
});

test('a FROM in a here-document, a comment or a continued line is no FROM', () => {
  const text = [
    'FROM a:1',
    'RUN <<EOF cat',
    'FROM evil:1',
    'EOF',
    'RUN echo \\',
    '  FROM evil:2',
    '# FROM evil:3',
    'FROM b:1',
    '',
  ].join('\n');
  assert.deepEqual(imagesOf(text), ['a:1', 'b:1']);
  const two = 'FROM a:1\nRUN cat <<-"A" <<B\nFROM x:1\n\tA\nFROM y:1\nB\nFROM b:1\n';
  assert.deepEqual(imagesOf(two), ['a:1', 'b:1']);
});

test('the escape directive changes how lines are continued', () => {
  assert.deepEqual(imagesOf('# escape=`\nFROM a:1\nRUN dir C:\\\nFROM b:1\nRUN echo `\nFROM c:1\n'), ['a:1', 'b:1']);
});

test('a here-string is no here-document', () => {
  assert.deepEqual(imagesOf('FROM a:1\nRUN cat <<<EOF\nFROM b:1\n'), ['a:1', 'b:1']);
});

test('images in --from of COPY and RUN are pinned, too; stages and their numbers are not images', () => {
  const text =
    'FROM a:1 AS one\nFROM a:1\nCOPY --chown=1:1 --from=tool:2 /x /y\nCOPY --from=one /a /b\nCOPY --from=0 /a /b\nRUN --mount=type=bind,from=lib:3,target=/l x\n';
  assert.deepEqual(imagesOf(text), ['a:1', 'tool:2', 'lib:3']);
  const written = pinned(text, { 'tool:2': 'T', 'lib:3': 'L' });
  assert.match(written, /--from=T \/x/);
  assert.match(written, /from=L,target/);
  assert.match(written, /--from=one .*\nCOPY --from=0/);
});

test('the settings of the build become arguments of every stage', () => {
  const written = readDockerfile('FROM a:1 AS x\nFROM x\n', {}).rewrite(new Map(), ['CA']);
  assert.equal(written, 'FROM a:1 AS x\nARG CA\nFROM x\nARG CA\n');
});

test('a file without FROM, a FROM that says too much and a foreign platform are refused', () => {
  for (const text of ['', 'RUN x\n', 'FROM a:1 b:1\n', 'FROM --platform=linux/s390x a:1\n']) {
    assert.throws(() => readDockerfile(text, {}), { code: 'CONFIG_INVALID' });
  }
});

test('a Dockerfile that breaks off in the middle is read to its end', () => {
  for (const text of ['FROM a:1 \\', 'FROM a:1\nRUN <<EOF\nx', 'FROM a:1\nRUN x \\\n#'])
    assert.ok(readInstructions(text).length > 0);
});

test('.dockerignore: from the folder, parents count, the last line decides', () => {
  const ignore = parseDockerignore('*.md\n!README.md\nnode_modules/\n**/*.log\n');
  assert.equal(ignore('a.md', false), '*.md');
  assert.equal(ignore('README.md', false), null);
  assert.equal(ignore('docs/a.md', false), null);
  assert.equal(ignore('node_modules/x/y.js', false), 'node_modules/');
  assert.equal(ignore('a/b.log', false), '**/*.log');
});
