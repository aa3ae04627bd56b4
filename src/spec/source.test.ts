/** Hostile and broken YAML. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { parseSpec } from './parse.ts';
import { readSource } from './source.ts';

const problemsOf = (text: string): readonly string[] =>
  readSource(text).problems.map(({ line, column, text: words }) => `${line}:${column} ${words}`);

test('broken YAML is told by place', () => {
  const broken: Readonly<Record<string, string>> = {
    'service: web\n  run: 1\n':
      '1:10 a key stands within a value here: look at the indentation of the next line, or quote the value',
    'a:\n\tb: 1\n': '2:1 indented with a tab; YAML wants spaces',
    'a: [1, 2\n': '2:1 Flow sequence in block collection must be sufficiently indented and end with a ]',
    'a: 1\n---\nb: 2\n': '2:1 a second document begins here; kiln.yaml holds one',
    'a: "x': '1:6 Missing closing "quote',
  };
  for (const [text, problem] of Object.entries(broken))
    assert.ok(problemsOf(text).includes(problem), `${text}\n${problemsOf(text).join('\n')}`);
});

test('what YAML allows and Kiln does not', () => {
  const refused: Readonly<Record<string, readonly string[]>> = {
    'a: 1\nb: 2\na: 3\n': ['3:1 the key a is there twice'],
    '__proto__: { x: 1 }\n': ['1:1 the key __proto__ is not allowed'],
    'a: { "__proto__": 1 }\n': ['1:6 the key __proto__ is not allowed'],
    'a: &x { b: 1 }\nc: { <<: *x }\n': ['2:6 merge keys (<<) are not allowed: write the keys out'],
    'a: !!js/function "x"\n': ['1:18 the tag tag:yaml.org,2002:js/function is not allowed: plain YAML only'],
    'a: !!binary aGk=\n': ['1:13 the tag tag:yaml.org,2002:binary is not allowed: plain YAML only'],
    '? [a, b]\n: 1\n': ['1:3 a key has to be text'],
    'a: *nothing\n': ['1:4 the alias *nothing stands for nothing: no &nothing before it'],
    'a: &x [*x]\n': ['1:7 this nests deeper than the 50 levels that are allowed'],
  };
  for (const [text, problems] of Object.entries(refused)) assert.deepEqual(problemsOf(text), problems, text);
});

test('a scalar is a number only where the number is written like it', () => {
  const { value } = readSource(
    'a: [1, 1.5, 1.10, 0644, 0o644, 0x1f, 1e3, +1, 12345678901234567890, .inf, true, True, yes, null, ~, "1", 2026-01-01]',
  );
  assert.deepEqual(value, {
    a: [
      1,
      1.5,
      '1.10',
      '0644',
      '0o644',
      '0x1f',
      '1e3',
      '+1',
      '12345678901234567890',
      '.inf',
      true,
      'True',
      'yes',
      null,
      null,
      '1',
      '2026-01-01',
    ],
  });
});

test('keys are the text that they are written as', () => {
  assert.deepEqual(readSource('{ 1: a, 1.0: b, true: c, "q": d, constructor: e }').value, {
    '1': 'a',
    '1.0': 'b',
    true: 'c',
    q: 'd',
    constructor: 'e',
  });
});

test('an alias is the last anchor of its name', () => {
  const { value, problems } = readSource('a: &x 1\nb: *x\nc: &x 2\nd: *x\n');
  assert.deepEqual([value, problems], [{ a: 1, b: 1, c: 2, d: 2 }, []]);
});

test('text that makes no sense, or no end of it, is given up on early', () => {
  const senseless: Readonly<Record<string, RegExp>> = {
    [']'.repeat(400_000)]: /^1:1 Unexpected flow-seq-end/,
    ['a: [\n'.repeat(100_000)]: /more than 50000 keys, values and marks$/,
    [`[${','.repeat(400_000)}`]: /more than 50000 keys, values and marks$/,
    [`a: ${'[['.repeat(70)}`]: /^1:\d+ this nests deeper than the 50 levels/,
  };
  for (const [text, problem] of Object.entries(senseless)) {
    const told = problemsOf(text);
    assert.match(told[0] ?? '', problem);
    assert.ok(told.length <= 51, `${told.length} problems`);
  }
});

/** Each would take minutes, gigabytes or the stack in a reader without bounds. None is larger than what is accepted. */
const BOMBS: Readonly<Record<string, string>> = {
  'lists in lists': '['.repeat(400_000),
  'closed lists in lists': '['.repeat(200_000) + ']'.repeat(200_000),
  'block lists in lists': '- '.repeat(400_000),
  'maps in maps': '{a: '.repeat(200_000),
  'keys of keys': '? '.repeat(400_000),
  'anchors on anchors': '&a '.repeat(200_000),
  'tags on tags': '!a '.repeat(200_000),
  quotes: '"'.repeat(400_000),
  'a map of very many keys': Array.from({ length: 60_000 }, (_, index) => `k${index}: 1`).join('\n'),
  'a billion laughs': [
    'a0: &a0 [x,x,x,x,x,x,x,x,x,x]',
    ...Array.from({ length: 12 }, (_, index) => `a${index + 1}: &a${index + 1} [${`*a${index},`.repeat(10)}]`),
  ].join('\n'),
  'very many aliases': `a: &a [x]\nb: [${'*a,'.repeat(200_000)}]`,
  'more than the size': `a: ${'x'.repeat(1 << 20)}`,
};

for (const [name, text] of Object.entries(BOMBS)) {
  test(`${name}: refused with a place`, { timeout: 60_000 }, () => {
    assert.throws(
      () => parseSpec(text, 'kiln.yaml'),
      (error) =>
        error instanceof KilnError &&
        error.code.startsWith('CONFIG_') &&
        (error.at?.line ?? 0) >= 1 &&
        error.message.length < 20_000,
    );
  });
}
