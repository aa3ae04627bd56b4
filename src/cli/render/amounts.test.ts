import assert from 'node:assert/strict';
import { test } from 'node:test';

import { age, bytes, counted, duration, share } from './amounts.ts';

const cases = (name: string, render: (value: number) => string, table: readonly (readonly [number, string])[]): void => {
  test(name, () => {
    for (const [value, text] of table) assert.equal(render(value), text);
  });
};

cases('sizes have three digits at most and a decimal unit', bytes, [
  [0, '0 B'],
  [999, '999 B'],
  [1500, '1.5 kB'],
  [174_000_000, '174 MB'],
  [3_200_000_000_000_000, '3200 TB'],
]);

cases('durations have two units at most, and are never negative', duration, [
  [-5, '0.00 s'],
  [42, '0.04 s'],
  [1240, '1.2 s'],
  [59_600, '1 m 0 s'],
  [252_000, '4 m 12 s'],
  [11_100_000, '3 h 5 m'],
  [187_200_000, '2 d 4 h'],
]);

cases('shares show what basis points can say', share, [
  [0, '0 %'],
  [500, '5 %'],
  [3333, '33.3 %'],
  [10_000, '100 %'],
]);

cases('ages have one unit', (ago) => age(1_000_000_000 - ago, 1_000_000_000), [
  [-50, 'just now'],
  [9_000, 'just now'],
  [180_000, '3 m ago'],
  [7_300_000, '2 h ago'],
  [400_000_000, '4 d ago'],
]);

test('one is singular', () => {
  assert.deepEqual([counted(1, 'image'), counted(0, 'image')], ['1 image', '0 images']);
});
