/** What answers about channels, revocations and lineage are made of. */
import * as z from 'zod';

import { digest, fleet, list, release, time } from './parts.ts';

export const Revocation = z
  .object({
    image: digest,
    /** In force from here on; may lie ahead. */
    since: time,
    by: z.string(),
    why: z.string(),
    /** Its descendants are revoked with it, those that are made later too. */
    cascade: z.boolean(),
    /** The ancestor with which it was revoked; null: it was named itself. */
    through: digest.nullable(),
  })
  .meta({ id: 'Revocation' });

/** An image that gc took: it can be put back until its time has come. */
export const Trashed = z.object({ image: digest, tags: list(z.string()), at: time, until: time }).meta({ id: 'Trashed' });

const Move = z.object({
  seq: z.int(),
  at: time,
  image: digest,
  how: z.enum(['set', 'rollback', 'bake', 'cascade', 'patch']),
  by: z.string(),
  why: z.string(),
  /** What its policy had against it, where somebody broke the glass. */
  overruled: z.string().nullable(),
});

export const Channel = z
  .object({
    service: z.string(),
    channel: z.string(),
    image: digest,
    tags: list(z.string()),
    /** The move that put the image there. */
    last: Move,
    /** What must be so before it takes an image; null: nothing. */
    policy: z.object({ after: z.string().nullable(), soakMs: z.number() }).nullable(),
    revoked: Revocation.nullable(),
    /** Fleets of which the serving release has this image, and those of the service that have another. */
    fleets: list(z.object({ fleet, image: digest, current: z.boolean() })),
  })
  .meta({ id: 'Channel' });

export const ChannelHistory = z
  .object({ service: z.string(), channel: z.string(), moves: list(Move) })
  .meta({ id: 'ChannelHistory' });

/** Instances that run of an image that is revoked, or is about to be. */
const Running = z.object({
  fleet,
  release,
  image: digest,
  instances: z.int(),
  /** Whether the fleet leaves the image by itself: by `replace.revoked: roll-back`, or as it is only its way back. */
  replaced: z.boolean(),
});

export const Revoking = z
  .object({
    /** All that this revoked; empty where all was so already. */
    revocations: list(Revocation),
    running: list(Running),
    /** Channels that hold one of the images. */
    channels: list(z.string()),
  })
  .meta({ id: 'Revoking' });

export const Base = z
  .object({
    /** As kiln.yaml names it. */
    name: z.string(),
    /** What those services were built on. */
    digest,
    /** What it means now; null: not known, or it cannot mean another. */
    newest: digest.nullable(),
    /** What those services have of it in older versions than there are. */
    packages: list(z.object({ name: z.string(), from: z.string(), to: z.string() })),
    services: list(z.string()),
    moved: z.boolean(),
  })
  .meta({ id: 'Base' });

export const CascadeStep = z
  .object({
    key: z.string(),
    service: z.string(),
    folder: z.string(),
    /** What it is now. */
    image: digest,
    /** The keys of the steps that it stands on. */
    after: list(z.string()),
    /** The channels that are to hold what takes its place. */
    channels: list(z.string()),
    /** Why it cannot follow; null: it can. */
    stuck: z.string().nullable(),
  })
  .meta({ id: 'CascadeStep' });

const stepResult = {
  key: z.string(),
  outcome: z.enum(['made', 'unchanged', 'failed', 'stuck', 'skipped']),
  /** What took its place, or failed its gates. */
  image: digest.nullable(),
  why: z.string(),
  /** The channels that hold it now. */
  moved: list(z.string()),
  /** Of a patch: what of the packages was mended. `to` is null where it is no longer in the image. */
  mended: list(z.object({ name: z.string(), from: z.string(), to: z.string().nullable() })).optional(),
};
export const StepResult = z.object(stepResult).meta({ id: 'StepResult' });
export const CascadeEvent = z
  .object({ kind: z.literal('cascade.step'), cascade: z.int(), ...stepResult })
  .meta({ id: 'CascadeEvent' });

const Relative = z.object({
  image: digest,
  /** As kiln.yaml names it, or the image's own name. */
  name: z.string(),
  tags: list(z.string()),
  /** 1 is direct. */
  level: z.int(),
  /** False: named by an image, and not in the store. */
  known: z.boolean(),
  channels: list(z.string()),
  revoked: Revocation.nullable(),
});

export const LineageBody = z
  .object({
    image: digest,
    tags: list(z.string()),
    service: z.string().nullable(),
    revision: z.string().nullable(),
    /** Where it was baked here, and when last. */
    folder: z.string().nullable(),
    ancestors: list(Relative),
    descendants: list(Relative),
    revoked: Revocation.nullable(),
    channels: list(z.string()),
  })
  .meta({ id: 'Lineage' });
