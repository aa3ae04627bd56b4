/** What answers about waves are made of: the services of one file, deployed one wave after the other. */
import * as z from 'zod';

import { fleet, list, release, time } from './parts.ts';

const WaveService = z.object({
  fleet,
  /** From 1. */
  wave: z.int(),
  dependsOn: list(fleet),
  /** Of `dependsOn`, those that do not serve their new release yet. */
  waitsFor: list(fleet),
  /** `unchanged`: it served the release already. `attention`: it failed, and a person is needed. `untouched`: the line stopped. */
  state: z.enum(['waiting', 'rolling', 'done', 'unchanged', 'failed', 'attention', 'untouched']),
  /** What it is on its way to, or serves; null: it was not begun. */
  release: release.nullable(),
  why: z.string(),
});

export const Waves = z
  .object({
    id: z.int(),
    folder: z.string(),
    environment: z.string(),
    by: z.string(),
    startedAt: time,
    /** Null: they are under way. */
    finishedAt: time.nullable(),
    /** Why no service is begun any more; null: nothing has stopped them. */
    stopped: z.string().nullable(),
    /** In the order of their waves. */
    services: list(WaveService),
  })
  .meta({ id: 'Waves' });
