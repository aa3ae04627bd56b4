/** `replace:`, the strategy: how the fleet moves from one release to the next. */
import * as z from 'zod';

import { judge, steps, sticky } from './canary.ts';
import { checkpoints } from './checkpoints.ts';
import { choice, duration, interval, listen, percent, share } from './fields.ts';
import { alarms, PROMETHEUS, sourceUrl } from './metrics.ts';
import { approve, before, tests, webhooks } from './tasks.ts';

export const strategy = choice(['rolling', 'blue-green', 'canary', 'recreate']);

/** Keys that only the rolling strategy reads. No defaults here: whether one was written matters to the rules. */
const rollingShape = {
  'min-healthy': percent.describe('Rolling: the share of the desired instances that stays healthy. Default: 100%.').optional(),
  'max-surge': share.describe('Rolling: how many may run above the desired: a count or a percentage. Default: 1.').optional(),
  batch: share
    .refine((value) => ('count' in value ? value.count : value.percent) > 0, { error: 'expected at least 1, or more than 0%' })
    .describe('Rolling: how many are replaced at a time. Default: as many as the two above allow.')
    .optional(),
  checkpoints: checkpoints
    .describe('Rolling: where it stands still: 25%, { at: 50%, hold: 10m }, { at: 75%, hold: until promoted }. Default: nowhere.')
    .optional(),
};
export const ROLLING_KEYS = [
  'min-healthy',
  'max-surge',
  'batch',
  'checkpoints',
] as const satisfies readonly (keyof typeof rollingShape)[];
/** Keys that only the canary strategy reads. */
const canaryShape = {
  steps: steps
    .describe(
      'Canary: what it gets, step by step: 5%, { weight: 5%, hold: 10m }, or instances, when, mirror in the place of weight. Default: 5%, 25%, 50%.',
    )
    .optional(),
  sticky: sticky
    .describe(
      'Canary: shares are of the clients, told apart by a cookie of the load balancer, a header or their address. Default: of the requests.',
    )
    .optional(),
  judge: judge
    .describe('Canary: limits besides the comparison with what serves; off: nobody judges. Default: the comparison alone.')
    .optional(),
};
export const CANARY_KEYS = ['steps', 'sticky', 'judge'] as const satisfies readonly (keyof typeof canaryShape)[];

/** Of a rolling strategy that does not say: a new instance is healthy before an old one goes. */
export const ROLLING = { minHealthyPercent: 100, maxSurge: { count: 1 } } as const;

export const overridableReplaceShape = {
  strategy: strategy.describe('Default: rolling; recreate where a volume has a single writer.').optional(),
  ...rollingShape,
  'warm-up': duration.describe('An instance is ready when every probe has been good for this long.').prefault('0s'),
  keep: duration.describe('How long the previous group stays warm after its successor took over.').prefault('30m'),
  deadline: interval.describe('A rollout without progress for this long has failed and is rolled back.').prefault('5m'),
  revoked: choice(['report', 'roll-back'])
    .describe('When the image that serves is revoked: say so, or also roll back to the newest release that is not revoked.')
    .prefault('report'),
  alarms: alarms
    .describe('End a rollout of any strategy at any moment: { name: { prometheus: QUERY, above: 5, for: 30s } }.')
    .prefault({}),
  prometheus: sourceUrl.describe('Where metrics and alarms ask their queries.').prefault(PROMETHEUS),
  ...canaryShape,
  before,
  tests,
  approve,
  webhooks,
};

export const replace = z.strictObject({
  ...overridableReplaceShape,
  preview: listen.describe('Where the new group is reached before it gets traffic. Default: nowhere.').optional(),
});

export type ReplaceSpec = z.output<typeof replace>;
