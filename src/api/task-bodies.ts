/** What a rollout stops at, in its status. */
import * as z from 'zod';

import { release, time } from './parts.ts';

export const TaskStatus = z.object({
  name: z.string(),
  /** For people: `job node migrate.js`. */
  title: z.string(),
  kind: z.enum(['job', 'test', 'approval', 'webhook']),
  at: z.enum(['before', 'traffic', 'after']),
  release,
  /** `waiting`: its turn has not come. */
  state: z.enum(['waiting', 'running', 'passed', 'failed', 'unknown', 'stopped']),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  /** How it failed, who approved; null while it has not ended. */
  detail: z.string().nullable(),
});

export const Checkpoint = z.object({
  /** From 1. */
  number: z.int(),
  of: z.int(),
  /** Of the desired instances. */
  percent: z.number(),
});
