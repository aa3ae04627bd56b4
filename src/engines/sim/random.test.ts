import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Random } from './random.ts';

const draw = (seed: number): readonly number[] => {
  const random = new Random(seed);
  return Array.from({ length: 20 }, () => random.uint32());
};

test('the same seed gives the same numbers, another seed others', () => {
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test('numbers stay within their limits, reach both, and are spread evenly', () => {
  const random = new Random(1);
  const counts = Array.from({ length: 6 }, () => 0);
  for (let round = 0; round < 60_000; round++) {
    const drawn = random.between(1, 6);
    assert.ok(drawn >= 1 && drawn <= 6);
    counts[drawn - 1] = (counts[drawn - 1] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, counts.join(' '));
});

test('a chance of nothing never comes, of one always', () => {
  const random = new Random(3);
  for (let round = 0; round < 1000; round++) {
    assert.equal(random.chance(0), false);
    assert.equal(random.chance(1), true);
  }
});

test('a suffix is six characters of an instance id', () => {
  const random = new Random(4);
  for (let round = 0; round < 1000; round++) assert.match(random.suffix(), /^[a-z0-9]{6}$/);
});
