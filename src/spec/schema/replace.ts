/** `replace:`, the strategy: how the fleet moves from one release to the next. */
import * as z from 'zod';

import { choice, duration, interval, listen, notYet, percent, share } from './fields.ts';

export const strategy = choice(['rolling', 'blue-green', 'recreate'], {
  canary: 'use rolling (a few at a time, rolled back when they are not healthy) or blue-green (a preview before the switch)',
});

/** Keys that only the rolling strategy reads. No defaults here: whether one was written matters to the rules. */
const rollingShape = {
  'min-healthy': percent.describe('Rolling: the share of the desired instances that stays healthy. Default: 100%.').optional(),
  'max-surge': share.describe('Rolling: how many may run above the desired: a count or a percentage. Default: 1.').optional(),
  batch: share
    .refine((value) => ('count' in value ? value.count : value.percent) > 0, { error: 'expected at least 1, or more than 0%' })
    .describe('Rolling: how many are replaced at a time. Default: as many as the two above allow.')
    .optional(),
};
export const ROLLING_KEYS = ['min-healthy', 'max-surge', 'batch'] as const satisfies readonly (keyof typeof rollingShape)[];
/** Of a rolling strategy that does not say: a new instance is healthy before an old one goes. */
export const ROLLING = { minHealthyPercent: 100, maxSurge: { count: 1 } } as const;

export const overridableReplaceShape = {
  strategy: strategy.describe('Default: rolling; recreate where a volume has a single writer.').optional(),
  ...rollingShape,
  'warm-up': duration.describe('An instance is ready when it has been healthy this long.').prefault('0s'),
  keep: duration.describe('How long the previous group stays warm after its successor took over.').prefault('30m'),
  deadline: interval.describe('A rollout without progress for this long has failed and is rolled back.').prefault('5m'),
  revoked: choice(['report', 'roll-back'])
    .describe('When the image that serves is revoked: say so, or also roll back to the newest release that is not revoked.')
    .prefault('report'),
  steps: notYet('canary steps', 'use batch and warm-up with the rolling strategy'),
  judge: notYet('the judge', 'new instances are judged by run.health alone; use warm-up to watch them longer'),
};

export const replace = z.strictObject({
  ...overridableReplaceShape,
  preview: listen.describe('Blue-green: where the new group is reached before the switch. Default: nowhere.').optional(),
});

export type ReplaceSpec = z.output<typeof replace>;
