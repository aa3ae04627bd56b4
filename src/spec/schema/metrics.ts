/** Numbers that are asked for while a rollout runs: `replace.judge.metrics` and `replace.alarms`. */
import * as z from 'zod';

import { parsePath } from '../../domain/json-path.ts';
import { readPercent, type Reading } from '../units.ts';
import { command, duration, leaf, nameKey } from './fields.ts';

/** Where Prometheus answers, unless something else is said. */
export const PROMETHEUS = 'http://127.0.0.1:9090';

const URL_FORM = 'an http or https address without a user or password in it';

/** Variables such as `$release` are filled in later; they hold nothing that a URL could misread. */
export const sourceUrl = leaf(
  (value): Reading<string> => {
    const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null;
    const usable = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
    return usable ? { ok: true, value: value as string } : { ok: false, expected: URL_FORM };
  },
  { title: 'address', type: 'string', format: 'uri', examples: [PROMETHEUS] },
);

const query = z
  .string()
  .min(1)
  .max(4096, { error: 'expected at most 4096 characters' })
  .describe('A PromQL query that gives one number. $release, $group, $service and $environment stand for those of the group.');

const path = leaf(
  (value): Reading<string> =>
    typeof value === 'string' && parsePath(value) !== null
      ? { ok: true, value }
      : { ok: false, expected: 'a path to one value, such as $.data.rate or $.rates[0]' },
  { title: 'JSONPath', type: 'string', pattern: '^\\$', examples: ['$.data.rate'] },
);

const bound = leaf(
  (value): Reading<number> =>
    typeof value === 'number' && Number.isFinite(value) ? { ok: true, value } : { ok: false, expected: 'a number' },
  { title: 'number', type: 'number' },
);

const positive = leaf(
  (value): Reading<number> =>
    typeof value === 'number' && Number.isFinite(value) && value > 0
      ? { ok: true, value }
      : { ok: false, expected: 'a number of more than 0' },
  { title: 'number', type: 'number', exclusiveMinimum: 0 },
);

/** A share: 20% is 0.2. */
const tolerance = leaf(
  (value): Reading<number> => {
    const share = readPercent(typeof value === 'string' ? value : '');
    return share.ok ? { ok: true, value: share.value / 100 } : { ok: false, expected: 'a percentage such as 20%' };
  },
  { title: 'percentage', type: 'string', pattern: '^\\d+(\\.\\d+)? ?%$', examples: ['20%'] },
);

const sourceShape = {
  prometheus: query.optional(),
  http: sourceUrl.describe('Answers a GET with JSON. Variables as in a query.').optional(),
  command: command
    .describe(
      'Run beside an instance: in its image and network, unable to write; it writes a number or JSON. Variables as in a query.',
    )
    .optional(),
  path: path.describe('With http or command: where in the JSON the number is. Default: all of it is the number.').optional(),
};

const SOURCES = ['prometheus', 'http', 'command'] as const;
type Sourced = Readonly<Partial<Record<(typeof SOURCES)[number] | 'path', unknown>>>;

/** Exactly one source, and a path only where there is JSON. */
const sourced = <T extends Sourced>(shape: z.ZodType<T>): z.ZodType<T> =>
  shape
    .refine((value) => SOURCES.filter((source) => value[source] !== undefined).length === 1, {
      error: `expected exactly one of ${SOURCES.join(', ')}`,
    })
    .refine((value) => value.path === undefined || value.prometheus === undefined, {
      error: 'a query gives one number by itself: leave path out',
      path: ['path'],
    });

const TERMS = ['below', 'above', 'rise', 'drop'] as const;

const metric = sourced(
  z.strictObject({
    ...sourceShape,
    below: bound.describe("Fails the release when the middle of the canary's numbers is above this.").optional(),
    above: bound.describe("Fails the release when the middle of the canary's numbers is below this.").optional(),
    rise: tolerance.describe('How much higher than that of what serves it may be.').optional(),
    drop: tolerance.describe('How much lower than that of what serves it may be.').optional(),
  }),
).refine((value) => TERMS.some((term) => value[term] !== undefined), {
  error: `says nothing about the release; add ${TERMS.join(', ')}`,
});

export const metrics = z.record(nameKey, metric);

const alarm = sourced(
  z.strictObject({
    ...sourceShape,
    above: bound.describe('Raised while the number is above this.').optional(),
    below: bound.describe('Raised while the number is below this.').optional(),
    for: duration.describe('So long without a break, before it ends the rollout.').prefault('0s'),
  }),
).refine((value) => (value.above === undefined) !== (value.below === undefined), {
  error: 'expected exactly one of above, below',
});

export const alarms = z.record(nameKey, alarm);

/** What the size of a fleet follows: `each` is what one instance is to have of it. */
export const followed = sourced(
  z.strictObject({
    ...sourceShape,
    each: positive.describe('How much of it an instance is to have: twice as much asks for twice as many instances.'),
  }),
);

export type MetricSpec = z.output<typeof metric>;
export type AlarmSpec = z.output<typeof alarm>;
export type SourceSpec = Pick<MetricSpec, 'prometheus' | 'http' | 'command' | 'path'>;
