/** `replace.steps`, `replace.sticky` and `replace.judge`: how a canary goes on, and what it is judged by. */
import * as z from 'zod';

import type { CanaryStep, StepGives } from '../../domain/release.ts';
import { isFieldName, isFieldValue, type ClientKey, type Match } from '../../domain/requests.ts';
import { readDuration, readPercent, type Reading } from '../units.ts';
import { choice, count, duration, interval, leaf, percent } from './fields.ts';
import { metrics } from './metrics.ts';

/** Basis points. */
const portion = (most: number, of: string) => {
  const expected = `a share of the ${of} from 0.01% to ${most / 100}%`;
  return leaf(
    (value): Reading<number> => {
      const share = readPercent(typeof value === 'string' ? value : '');
      const points = share.ok ? Math.round(share.value * 100) : 0;
      return points >= 1 && points <= most ? { ok: true, value: points } : { ok: false, expected };
    },
    { title: `share of the ${of}`, type: 'string', pattern: '^\\d+(\\.\\d+)? ?%$', examples: ['5%', '50%'] },
  );
};
const weight = portion(9999, 'traffic');

/** Milliseconds; null: until somebody promotes. */
export const hold = leaf(
  (value): Reading<number | null> => {
    if (value === 'until promoted') return { ok: true, value: null };
    const held = readDuration(typeof value === 'string' || typeof value === 'number' ? String(value) : '');
    return held.ok ? held : { ok: false, expected: 'a duration such as 10m, or "until promoted"' };
  },
  { title: 'duration or "until promoted"', type: 'string', examples: ['10m', 'until promoted'] },
);

export const DEFAULT_HOLD_MS = 60_000;

const FIELD_FORM = 'a name: a letter, then letters, digits, _ and -, at most 64';
const fieldName = leaf(
  (value): Reading<string> =>
    typeof value === 'string' && isFieldName(value) ? { ok: true, value } : { ok: false, expected: FIELD_FORM },
  { title: 'name', type: 'string', examples: ['X-Canary', 'staff'] },
);
const fieldValue = leaf(
  (value): Reading<string> =>
    typeof value === 'string' && isFieldValue(value)
      ? { ok: true, value }
      : {
          ok: false,
          expected: 'text of visible ASCII characters, at most 128, in quotes where YAML would read it as something else',
        },
  { title: 'text', type: 'string', examples: ['yes'] },
);

const when = z
  .strictObject({
    header: fieldName.describe('Requests with this header.').optional(),
    cookie: fieldName.describe('Requests with this cookie.').optional(),
    is: fieldValue.describe('Its value. Default: any.').optional(),
  })
  .refine(({ header, cookie }) => (header === undefined) !== (cookie === undefined), {
    error: 'expected exactly one of header, cookie',
  })
  .transform(({ header, cookie, is }): Match => ({
    ...(header === undefined ? { in: 'cookie', name: cookie ?? '' } : { in: 'header', name: header }),
    is: is ?? null,
  }));

const stepShape = {
  weight: weight.describe("The canary's share of the traffic.").optional(),
  instances: count(1, 1000)
    .describe('So many instances, each with as much of the traffic as those that serve; beside when: how many. Default there: 1.')
    .optional(),
  when: when.describe('Only requests with this header or cookie; they stay with it in later steps.').optional(),
  mirror: portion(10_000, 'safe requests')
    .describe('No traffic: a copy of so many of the requests that are safe to repeat, whose answers nobody sees.')
    .optional(),
  hold: hold.describe('How long the step lasts at least: a duration, or "until promoted".').prefault('1m'),
};

type WrittenStep = z.output<z.ZodObject<typeof stepShape>>;

/** Null: not one thing. */
function givenBy({ weight: points, instances, when: match, mirror }: WrittenStep): StepGives | null {
  const said = [points, match, mirror].filter((each) => each !== undefined).length;
  if (said === 0) return instances === undefined ? null : { instances };
  if (said > 1 || (instances !== undefined && match === undefined)) return null;
  if (points !== undefined) return { weight: points };
  if (match !== undefined) return { when: match, instances: instances ?? 1 };
  return mirror === undefined ? null : { mirror };
}

const step = z.union([
  weight.transform((points): CanaryStep => ({ weight: points, holdMs: DEFAULT_HOLD_MS })),
  z.strictObject(stepShape).transform((written, context): CanaryStep => {
    const gives = givenBy(written);
    if (gives !== null) return { ...gives, holdMs: written.hold };
    context.issues.push({
      code: 'custom',
      message: 'expected one of weight, instances, when (perhaps with instances), mirror',
      input: written,
    });
    return z.NEVER;
  }),
]);

export const sticky = z.union([
  choice(['cookie', 'address']).transform((by): ClientKey => ({ by })),
  z
    .strictObject({ header: fieldName.describe('What clients are known by; those without it by their address.') })
    .transform(({ header }): ClientKey => ({ by: 'header', name: header })),
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
  metrics: metrics
    .describe('Judged besides: { name: { prometheus: QUERY, below: 100 } }; for canary and what serves.')
    .prefault({}),
  every: interval.describe('Between two questions to the sources of metrics.').prefault('15s'),
  unreadable: z
    .enum(['roll-back', 'go-on', 'hold'], { error: 'expected roll-back, go-on or hold' })
    .describe(
      'What happens when a source of metrics has not answered often enough even then; hold: it waits for a person, for a day.',
    )
    .prefault('roll-back'),
});

const off = z.literal('off', { error: 'expected limits such as { errors: 1%, p95: 300ms }, or off' });

export const judge = z.union([off, limits]);

export type JudgeSpec = z.output<typeof judge>;
