/** `replace.steps` and `replace.judge`: how a canary goes on, and what it is judged by. */
import * as z from 'zod';

import { readDuration, readPercent, type Reading } from '../units.ts';
import { duration, interval, leaf, percent } from './fields.ts';

const WEIGHT_FORM = 'a share of the traffic from 0.01% to 99.99%';

/** Basis points. */
const weight = leaf(
  (value): Reading<number> => {
    const share = readPercent(typeof value === 'string' ? value : '');
    const points = share.ok ? Math.round(share.value * 100) : 0;
    return points >= 1 && points <= 9999 ? { ok: true, value: points } : { ok: false, expected: WEIGHT_FORM };
  },
  { title: 'share of the traffic', type: 'string', pattern: '^\\d+(\\.\\d+)? ?%$', examples: ['5%', '50%'] },
);

/** Milliseconds; null: until somebody promotes. */
const hold = leaf(
  (value): Reading<number | null> => {
    if (value === 'until promoted') return { ok: true, value: null };
    const held = readDuration(typeof value === 'string' || typeof value === 'number' ? String(value) : '');
    return held.ok ? held : { ok: false, expected: 'a duration such as 10m, or "until promoted"' };
  },
  { title: 'duration or "until promoted"', type: 'string', examples: ['10m', 'until promoted'] },
);

export const DEFAULT_HOLD_MS = 60_000;

const step = z.union([
  weight.transform((points) => ({ weight: points, holdMs: DEFAULT_HOLD_MS as number | null })),
  z
    .strictObject({
      weight: weight.describe("The canary's share of the traffic."),
      hold: hold.describe('How long the step lasts at least: a duration, or "until promoted".').prefault('1m'),
    })
    .transform(({ weight: points, hold: holdMs }) => ({ weight: points, holdMs })),
]);

export const steps = z
  .array(step)
  .min(1, { error: 'expected at least one step, found an empty list' })
  .max(20, { error: 'expected at most 20 steps' });

/** How many times the other's; null: not compared. */
const slower = leaf(
  (value): Reading<number | null> => {
    if (value === 'any') return { ok: true, value: null };
    const share = readPercent(typeof value === 'string' ? value : '');
    return share.ok ? { ok: true, value: 1 + share.value / 100 } : { ok: false, expected: 'a percentage such as 5%, or any' };
  },
  { title: 'percentage or any', type: 'string', examples: ['5%', 'any'] },
);

const limits = z.strictObject({
  errors: percent.describe('More errors (answers of class 5xx, and none) than this share fail the release.').optional(),
  slower: slower
    .describe('How much slower than what serves its median or p95 may be; any: latencies are not compared.')
    .prefault('5%'),
  p50: interval.describe('A median latency above this fails the release.').optional(),
  p95: interval.describe('Fails the release when more than 5% of its answers take longer.').optional(),
  p99: interval.describe('Fails the release when more than 1% of its answers take longer.').optional(),
  settle: duration
    .describe('New instances are slower at first: so much of the beginning of a step is not judged.')
    .prefault('10s'),
  wait: duration.describe('How long a step waits for enough requests to judge by, after its hold.').prefault('15m'),
  unsure: z
    .enum(['roll-back', 'go-on'], { error: 'expected roll-back or go-on' })
    .describe('What happens when there are too few requests even then.')
    .prefault('roll-back'),
});

const off = z.literal('off', { error: 'expected limits such as { errors: 1%, p95: 300ms }, or off' });

export const judge = z.union([off, limits]);

export type JudgeSpec = z.output<typeof judge>;
export type StepSpec = z.output<typeof step>;
