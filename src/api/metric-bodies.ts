/** What a rollout is judged by, and watched for, in its status. */
import * as z from 'zod';

import { list, time } from './parts.ts';

const armCounts = z.object({ requests: z.int(), errors: z.int() });

export const Verdict = z.object({
  /** `error`: enough requests, and a source of metrics has not answered often enough. */
  verdict: z.enum(['pass', 'fail', 'unsure', 'error']),
  why: z.string(),
  /** Each test with what it saw, how likely that is by chance, and below which likelihood it fails. */
  tests: list(z.object({ metric: z.string(), what: z.string(), p: z.number(), alpha: z.number(), failed: z.boolean() })),
  canary: armCounts,
  baseline: armCounts,
  /** Unsure: about so many more requests to the canary are needed. */
  more: z.int(),
  /** About so many more numbers of a metric are needed; absent: none. */
  numbers: z.int().optional(),
});

/** What a source has said during the present step. */
export const MeasuredMetric = z.object({
  name: z.string(),
  /** How many numbers of the canary there are, and their middle; null: none. */
  numbers: z.int(),
  canary: z.number().nullable(),
  baseline: z.number().nullable(),
  /** Why its source could not be read when it was last asked; null: it could. */
  unreadable: z.string().nullable(),
});

export const AlarmStatus = z.object({
  name: z.string(),
  /** In words: `above 5`. */
  bound: z.string(),
  /** `standing`: it was raised before anything of the release was launched, and ends nothing until it has cleared. */
  state: z.enum(['quiet', 'raised', 'standing']),
  /** By which number it was raised, and when; null while it is quiet. */
  value: z.number().nullable(),
  since: time.nullable(),
  /** When it ends the rollout, unless it clears; null: it does not. */
  endsAt: time.nullable(),
  unreadable: z.string().nullable(),
});
