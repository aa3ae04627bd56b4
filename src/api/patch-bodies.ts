/** What answers about patches are made of. */
import * as z from 'zod';

import { CascadeStep, StepResult } from './lineage-bodies.ts';
import { digest, fleet, list, release, time } from './parts.ts';

const PatchPackage = z.object({
  type: z.string(),
  name: z.string(),
  installed: z.string(),
  /** Null: no fixed version is known. */
  fixed: z.string().nullable(),
  severity: z.string(),
  summary: z.string(),
  /** The image that it comes with; null: it is the image's own. */
  base: z.string().nullable(),
});

const PatchFleet = z.object({
  fleet,
  /** The release that it serves or is on its way to. */
  release,
  image: digest,
  /** The step whose image is to take that one's place; null: it is mended, and only what it replaced has to go. */
  key: z.string().nullable(),
  folder: z.string().nullable(),
  channel: z.string().nullable(),
  /** Why nothing can be done for it; null: something can. */
  stuck: z.string().nullable(),
});

/** Instances that run of an image that has the vulnerability. */
const Leftover = z.object({
  fleet,
  release: z.int(),
  image: digest,
  instances: z.int(),
  /** Until when they are kept as the way back; null: they are not. */
  warmUntil: time.nullable(),
});

export const PatchPlan = z
  .object({
    cve: z.string(),
    /** Every image in the store that has it. */
    images: list(
      z.object({
        image: digest,
        tags: list(z.string()),
        packages: list(PatchPackage),
        channels: list(z.string()),
        /** Those that it runs in. */
        fleets: list(fleet),
      }),
    ),
    /** In order; `mended`: the newest image of that folder does not have it, and is taken as it is. */
    steps: list(CascadeStep.extend({ mended: z.boolean() })),
    /** In order. */
    fleets: list(PatchFleet),
    left: list(Leftover),
    /** Images that have it in a way that does no harm, as a VEX document says. */
    harmless: list(z.object({ image: digest, file: z.string(), why: z.string() })),
    unjudged: list(z.object({ image: digest, why: z.string() })),
    doubts: list(z.string()),
  })
  .meta({ id: 'PatchPlan' });

const FleetResult = z.object({
  fleet,
  /** `mended`: what serves does not have it. `stuck`: nothing was done. */
  outcome: z.enum(['mended', 'rolled-back', 'attention', 'stuck']),
  /** What serves. */
  release: release.nullable(),
  why: z.string(),
});

export const PatchStatus = z
  .object({
    id: z.int(),
    cve: z.string(),
    by: z.string(),
    startedAt: time,
    /** Null: it is under way. */
    finishedAt: time.nullable(),
    steps: list(CascadeStep),
    /** Of the steps that have ended. */
    results: list(StepResult),
    fleets: list(PatchFleet),
    rollouts: list(FleetResult),
    /** What runs now. */
    left: list(Leftover),
  })
  .meta({ id: 'PatchStatus' });
