/** `freeze:` of an environment: when nothing new is deployed there. */
import * as z from 'zod';

import { expectedCron, isDay, isZone } from '../calendar.ts';
import { interval, leaf } from './fields.ts';

const cron = leaf(
  (value) => {
    const expected = typeof value === 'string' ? expectedCron(value) : 'a text';
    return expected === null ? { ok: true, value: value as string } : { ok: false, expected: `${CRON_FORM}: ${expected}` };
  },
  { title: 'cron expression', type: 'string', examples: ['0 16 * * FRI'] },
);
const CRON_FORM = 'a cron expression of five parts, such as "0 16 * * FRI"';

const day = leaf(
  (value) =>
    typeof value === 'string' && isDay(value) ? { ok: true, value } : { ok: false, expected: 'a day such as 2026-12-20' },
  { title: 'day', type: 'string', format: 'date', examples: ['2026-12-20'] },
);

const zone = leaf(
  (value) =>
    typeof value === 'string' && isZone(value)
      ? { ok: true, value }
      : { ok: false, expected: 'a time zone such as Europe/Berlin' },
  { title: 'time zone', type: 'string', examples: ['Europe/Berlin'] },
);

const freeze = z
  .strictObject({
    cron: cron.describe('When it begins, again and again.').optional(),
    for: interval.describe('With cron: how long it lasts.').optional(),
    from: day.describe('Its first day.').optional(),
    until: day.describe('Its last day.').optional(),
    zone: zone.describe('The time zone of all of these.').prefault('UTC'),
    why: z.string().min(1).max(200).describe('For those who are refused.').prefault('no deploys are planned'),
  })
  .superRefine((value, context) => {
    const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
    const recurring = value.cron !== undefined || value.for !== undefined;
    const dated = value.from !== undefined || value.until !== undefined;
    if (recurring === dated) return refuse('expected either cron and for, or from and until');
    if (recurring && (value.cron === undefined || value.for === undefined)) return refuse('cron and for need each other');
    if (dated && (value.from === undefined || value.until === undefined)) return refuse('from and until need each other');
    if (value.from !== undefined && value.until !== undefined && value.until < value.from)
      refuse(`until (${value.until}) is before from (${value.from})`);
  });

export const freezes = z.array(freeze).max(50, { error: 'expected at most 50 freezes' });
