/** Published values, and small cases by counting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { binomialGreater, fisherGreater, logGamma, normalTail, rankGreater } from './statistics.ts';

const near = (found: number, expected: number, relative = 1e-9): void =>
  assert.ok(Math.abs(found - expected) <= Math.abs(expected) * relative, `${found} is not ${expected}`);

test('ln Γ', () => {
  assert.ok(Math.abs(logGamma(1)) < 1e-14);
  near(logGamma(5), Math.log(24));
  near(logGamma(0.5), Math.log(Math.PI) / 2);
  near(logGamma(101), 363.739_375_555_563_5, 1e-12);
});

test('Fisher: the lady tasting tea, and every table of small arms by counting', () => {
  near(fisherGreater({ hits: 4, trials: 4 }, { hits: 0, trials: 4 }), 1 / 70);
  near(fisherGreater({ hits: 3, trials: 4 }, { hits: 1, trials: 4 }), 17 / 70);
  const choose = (n: number, k: number): number => (k < 0 || k > n ? 0 : k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);
  for (let n = 1; n <= 9; n++)
    for (let m = 1; m <= 9; m++)
      for (let x = 0; x <= n; x++)
        for (let y = 0; y <= m; y++) {
          let p = 0;
          for (let k = x; k <= Math.min(n, x + y); k++) p += (choose(n, k) * choose(m, x + y - k)) / choose(n + m, x + y);
          const found = fisherGreater({ hits: x, trials: n }, { hits: y, trials: m });
          if (x * m > y * n) near(found, p, 1e-9);
          else assert.equal(found, 1);
        }
});

test('binomial and normal tails', () => {
  near(binomialGreater({ hits: 3, trials: 3 }, 0.5), 1 / 8);
  near(binomialGreater({ hits: 2, trials: 3 }, 0.5), 1 / 2);
  near(binomialGreater({ hits: 1, trials: 1000 }, 0.0005), 1 - 0.9995 ** 1000, 1e-9);
  assert.equal(binomialGreater({ hits: 1, trials: 10 }, 0), 0);
  near(normalTail(0), 0.5);
  near(normalTail(1.959_963_984_540_054), 0.025, 1e-12);
  near(normalTail(3), 0.001_349_898_031_630_094_6, 1e-11);
  near(normalTail(6), 9.865_876_450_376_98e-10, 1e-11);
  near(normalTail(-1), 0.841_344_746_068_542_9, 1e-12);
});

test('ranks: separate classes, the same classes, ties', () => {
  assert.deepEqual(rankGreater([0, 0, 5], [5, 0, 0]).higher, 1);
  assert.deepEqual(rankGreater([3, 4, 5], [3, 4, 5]), { p: normalTail(0), higher: 0.5 });
  // 2 3 4 5 6 against 1 2 3 4 5: 17 of 25 pairs, ties as half; the variance less four ties of two.
  const { p, higher } = rankGreater([0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]);
  near(higher, 17 / 25);
  near(p, normalTail(4.5 / Math.sqrt((25 / 12) * (11 - 24 / 90))), 1e-9);
  assert.deepEqual(rankGreater([], [1]), { p: 1, higher: 0.5 });
  assert.deepEqual(rankGreater([5], [5]), { p: 1, higher: 0.5 });
});
