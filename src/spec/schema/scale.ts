/** `run.scale`: what the number of instances follows. */
import * as z from 'zod';

import { type Reading, readPercent, readRate } from '../units.ts';
import { duration, leaf } from './fields.ts';
import { followed } from './metrics.ts';

/** More than nothing: a share of nothing would ask for any number of instances. */
const positive =
  (read: (text: string) => Reading<number>, expected: string) =>
  (value: unknown): Reading<number> => {
    const reading = read(typeof value === 'string' ? value : '');
    return reading.ok && reading.value > 0 ? reading : { ok: false, expected };
  };

const cpu = leaf(positive(readPercent, 'a percentage of more than 0% and up to 100%'), {
  title: 'percentage',
  type: 'string',
  pattern: '^\\d+(\\.\\d+)? ?%$',
  examples: ['60%'],
});

const rate = leaf(positive(readRate, 'a rate such as 50/s or 600/m'), {
  title: 'rate',
  type: 'string',
  pattern: '^\\d+(\\.\\d+)?/[smh]$',
  examples: ['50/s', '600/m'],
});

/** What an instance is to have; of several, the one that asks for most instances decides. */
export const SCALE_TARGETS = ['cpu', 'requests', 'metric'] as const;

export const scale = z
  .strictObject({
    cpu: cpu.describe('How busy an instance is to be: of limits.cpus, or of one CPU where there is no limit.').optional(),
    requests: rate.describe('How many requests an instance is to get.').optional(),
    metric: followed
      .describe(
        'A number that grows with the work: { prometheus: QUERY, each: 100 }. Of the fleet: $release is the one that serves.',
      )
      .optional(),
    up: duration.describe('How long after the last change, or a rollout, it may grow.').prefault('30s'),
    down: duration.describe('How long after the last change, or a rollout, it may shrink.').prefault('5m'),
  })
  .refine((value) => SCALE_TARGETS.some((target) => value[target] !== undefined), {
    error: `says nothing to follow; add ${SCALE_TARGETS.join(', ')}`,
  });

export type ScaleSpec = z.output<typeof scale>;
