import assert from 'node:assert/strict';
import { test } from 'node:test';

import { liveOn } from './live.ts';
import { fakeTerminal } from './testing/fakes.ts';

/** What a screen shows after the writes: only the sequences that live.ts uses. */
function screen(written: string): readonly string[] {
  const lines = [''];
  let row = 0;
  for (const [token] of written.replaceAll('\u001B', '^').matchAll(/\^\[(\d+)F|\^\[0K|\^\[0J|\n|[^^\n]+/g)) {
    const up = /\[(\d+)F/.exec(token)?.[1];
    if (up !== undefined) row -= Number(up);
    else if (token === '\n') lines[++row] ??= '';
    else if (token.endsWith('0J')) lines.splice(row, lines.length, '');
    else if (!token.endsWith('0K')) lines[row] = token;
  }
  return lines;
}

test('a drawing replaces the one before, also where it is shorter, and clears away', () => {
  const terminal = fakeTerminal(true);
  const live = liveOn(terminal);
  live.draw(['one', 'two', 'three']);
  live.draw(['four']);
  assert.deepEqual(screen(terminal.written.join('')), ['four', '']);
  live.clear();
  assert.deepEqual(screen(terminal.written.join('')), ['']);
});

test('lines wider and drawings longer than the terminal are cut: a wrapped line could not be taken back', () => {
  const terminal = fakeTerminal(true);
  liveOn(terminal).draw(Array.from({ length: 50 }, (_, index) => `${index} ${'x'.repeat(200)}`));
  const lines = screen(terminal.written.join(''));
  assert.equal(lines.length, 24);
  assert.ok(lines.every((line) => line.length <= 80));
  assert.match(lines.at(-2) ?? '', /^49 /);
});

test('where nobody watches nothing is drawn', () => {
  const terminal = fakeTerminal(false);
  const live = liveOn(terminal);
  live.draw(['one']);
  live.clear();
  assert.deepEqual(terminal.written, []);
});
