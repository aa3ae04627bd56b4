import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { createLineParser, type LogLine } from './log-lines.ts';

const TIME = '2026-11-21T06:06:51.425411510+00:00';
const AT = Date.parse(TIME);

const parse = (text: string): readonly LogLine[] => createLineParser().feed(Buffer.from(text));

test('each line has its time, its stream and its text', () => {
  assert.deepEqual(parse(`${TIME} stdout F hello  world\n${TIME} stderr F \n`), [
    { at: AT, stream: 'stdout', text: 'hello  world' },
    { at: AT, stream: 'stderr', text: '' },
  ]);
});

test('parts of a line are put together, even with another stream between them', () => {
  const lines = parse(`${TIME} stdout P one \n${TIME} stderr F two\n${TIME} stdout F three\n`);
  assert.deepEqual(
    lines.map(({ text }) => text),
    ['two', 'one three'],
  );
});

test('what conmon did not write is no line', () => {
  assert.deepEqual(parse('\nnonsense\nstdout F x\n9 stdout F x\n').length, 0);
});

test('a line without an end does not grow without a bound', () => {
  const piece = `${TIME} stdout P ${'x'.repeat(8000)}\n`;
  const lines = parse(piece.repeat(200));
  assert.ok(lines.length > 0);
});

test('however the file is cut into pieces, the lines are the same, and reading can go on where they were settled', () => {
  const text = `${TIME} stdout F äöü\n${TIME} stdout P 日本\n${TIME} stderr F x\n${TIME} stdout F 語\n${TIME} stdout F end\n`;
  const bytes = Buffer.from(text);
  const whole = parse(text);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 })), fc.nat(bytes.length), (sizes, cut) => {
      const parser = createLineParser();
      const lines: LogLine[] = [];
      let at = 0;
      for (const size of [...sizes, bytes.length]) {
        const end = Math.min(at + size, cut);
        lines.push(...parser.feed(bytes.subarray(at, end)));
        at = end;
      }
      const settled = createLineParser();
      const before = settled.feed(bytes.subarray(0, parser.settled()));
      const after = createLineParser().feed(bytes.subarray(parser.settled()));
      assert.deepEqual([...before, ...after], whole);
      assert.deepEqual(lines, whole.slice(0, lines.length));
    }),
  );
});
