/** `replace.checkpoints`: where a rolling rollout stands still. */
import * as z from 'zod';

import { readPercent, type Reading } from '../units.ts';
import { DEFAULT_HOLD_MS, hold } from './canary.ts';
import { leaf } from './fields.ts';

/** Of the desired instances. */
const at = leaf(
  (value): Reading<number> => {
    const share = readPercent(typeof value === 'string' ? value : '');
    const fits = share.ok && share.value > 0 && share.value <= 100;
    return fits ? share : { ok: false, expected: 'a share of the instances above 0% and up to 100%' };
  },
  { title: 'share of the instances', type: 'string', pattern: '^\\d+(\\.\\d+)? ?%$', examples: ['25%', '100%'] },
);

const checkpoint = z.union([
  at.transform((percent) => ({ percent, holdMs: DEFAULT_HOLD_MS as number | null })),
  z
    .strictObject({
      at: at.describe('The share of the desired instances that are new by then.'),
      hold: hold.describe('How long it stands still at least: a duration, or "until promoted".').prefault('1m'),
    })
    .transform(({ at: percent, hold: holdMs }) => ({ percent, holdMs })),
]);

export const checkpoints = z
  .array(checkpoint)
  .min(1, { error: 'expected at least one checkpoint, found an empty list' })
  .max(20, { error: 'expected at most 20 checkpoints' })
  .refine((list) => list.every(({ percent }, index) => percent > (list[index - 1]?.percent ?? 0)), {
    error: 'expected checkpoints in ascending order',
  });
