/** What a second bake showed, on 80 columns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ReproductionBody } from '../../client/client.ts';
import type { Digest } from '../../domain/digest.ts';
import { widthOf } from '../terminal.ts';
import { reproductionLines } from './reproduction.ts';

const terminal = { columns: 80, paint: (_colour: string, text: string) => text } as Parameters<typeof reproductionLines>[1];
const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;

const difference = (path: string): ReproductionBody['differences'][number] => ({
  path,
  step: `image: run 1 ${'a long command '.repeat(10)}`,
  what: ['content'],
  cause: 'times',
  why: 'it holds the time of the bake',
  fix: `let it use SOURCE_DATE_EPOCH instead of the clock, ${'and so on '.repeat(20)}`.trim(),
});
const RESULT: ReproductionBody = {
  same: false,
  first: digest('a'),
  second: digest('b'),
  variations: [
    { what: 'clock', varied: true, how: `later ${'and later '.repeat(12)}`.trim() },
    { what: 'processors', varied: false, how: '1: there are no others' },
  ],
  differences: Array.from({ length: 8 }, (_, index) => difference(`srv/${index}`)),
  more: 3,
  ms: 1000,
};

test('files of one cause and step are told together, with one fix, and what is not shown is counted', () => {
  const lines = reproductionLines(RESULT, terminal);
  assert.match(lines[0] ?? '', /^not reproducible: the second bake made bbbbbbbb/);
  assert.equal(lines.filter((line) => line.includes('fix: ')).length, 1);
  assert.equal(lines.filter((line) => line.includes('/srv/')).length, 5);
  assert.ok(lines.some((line) => line.includes('and 3 files more')));
  assert.ok(lines.some((line) => line.includes('and 3 differences more')));
  assert.deepEqual(
    lines.filter((line) => widthOf(line) > 80),
    [],
  );
});

test('the same image is said in one line, with what was different and what could not be', () => {
  const lines = reproductionLines({ ...RESULT, same: true, differences: [], more: 0 }, terminal);
  assert.match(lines[0] ?? '', /^reproducible: the second bake made the same image/);
  assert.ok(lines.some((line) => line.startsWith('  ≠ clock')));
  assert.ok(lines.some((line) => line.startsWith('  = processors')));
});
