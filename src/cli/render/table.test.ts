import assert from 'node:assert/strict';
import { test } from 'node:test';

import { widthOf } from '../terminal.ts';
import { cut, table } from './table.ts';

test('columns are aligned, numbers to the right, no space at the end', () => {
  const lines = table(
    [{ title: 'IMAGE' }, { title: 'SIZE', align: 'right' }],
    [
      ['4f1c9ab2', '174 MB'],
      ['9e2d7c10', '2 kB'],
    ],
  );
  assert.deepEqual(lines, ['IMAGE       SIZE', '4f1c9ab2  174 MB', '9e2d7c10    2 kB']);
});

test('the flexible column gives way so that the table fits 80 columns', () => {
  const lines = table([{ title: 'WHAT', flexible: true }, { title: 'WHEN' }], [['x'.repeat(200), '2026-03-03 12:00:00']]);
  assert.deepEqual(
    lines.map(widthOf).filter((width) => width > 80),
    [],
  );
  assert.match(lines[1] ?? '', /x…  2026-03-03 12:00:00$/);
});

test('colours count no columns, and are not left open where a text is cut', () => {
  const red = '\u001B[31mfailed\u001B[39m';
  assert.equal(widthOf(red), 6);
  assert.equal(cut(red, 6), red);
  assert.equal(cut(red, 4), 'fai…');
});
