/** What answers about notifications are made of. */
import * as z from 'zod';

import { list } from './parts.ts';

const names = list(z.string());

/** Who is told of what happens, by notifications.yaml. */
export const Receiver = z.object({
  name: z.string(),
  way: z.enum(['webhook', 'slack', 'email']),
  on: names,
  /** Null: all. */
  environments: names.nullable(),
  services: names.nullable(),
  /** Notices that it has yet to take, and why the last attempt failed. */
  waiting: z.int(),
  trouble: z.string().nullable(),
});

export const TestedReceiver = z.object({
  name: z.string(),
  way: z.string(),
  /** Null: it took it. */
  why: z.string().nullable(),
});
