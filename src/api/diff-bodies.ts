/** What the difference of two images or releases is made of. */
import * as z from 'zod';

import { SEVERITIES } from '../domain/gate.ts';
import { digest, fleet, json, list, release } from './parts.ts';

const Side = z.object({
  /** As it was asked for. */
  name: z.string(),
  digest,
  tags: list(z.string()),
  /** Null: an image was asked for. */
  release: z.object({ fleet, number: release }).nullable(),
});

const File = z.object({
  kind: z.enum(['file', 'hardlink', 'symlink', 'character', 'block', 'folder', 'fifo']),
  /** As in chmod, setuid and the like included. */
  mode: z.int(),
  uid: z.number(),
  gid: z.number(),
  size: z.number(),
  content: digest.nullable(),
  /** Where a symbolic link leads; of a file with several names the first of them, where this is another. */
  target: z.string().nullable(),
  /** Name → value in base64, the beginning of a long one. */
  xattrs: z.record(z.string(), z.string()),
});

const FileDifference = z.object({
  /** Absolute. A byte that is no UTF-8 is shown as `\xNN`. */
  path: z.string(),
  what: list(z.enum(['content', 'mode', 'owner', 'time', 'kind', 'link', 'attributes', 'only first', 'only second'])),
  first: File.nullable(),
  second: File.nullable(),
  /** Of a folder that is in one image only: what is in it, which is listed by itself only with `all`. */
  below: z.object({ entries: z.int(), bytes: z.number() }).nullable(),
  /** The package that brings it, where that differs, too. */
  package: z.string().nullable(),
  gained: list(z.enum(['setuid', 'setgid', 'capabilities'])),
  /** The changed lines, with `texts`; `hidden`: why none are shown. */
  text: z.object({ lines: list(z.string()), more: z.int(), hidden: z.string().nullable() }).nullable(),
});

/** `where`: the names that lead to the value. Null: not there. Hidden: it may be a secret, and both are left out. */
const Change = z.object({
  where: list(z.string()),
  what: z.enum(['added', 'removed', 'changed']),
  first: json,
  second: json,
  hidden: z.boolean(),
});

const Layer = z.object({ digest, diffId: digest, size: z.number(), createdBy: z.string().nullable() });

const Vulnerability = z.object({
  id: z.string(),
  severity: z.enum(SEVERITIES),
  score: z.number().nullable(),
  name: z.string(),
  installed: z.string(),
  fixed: z.string().nullable(),
});

const ImageDifference = z.object({
  files: z.object({
    added: z.int(),
    removed: z.int(),
    changed: z.int(),
    /** Paths of which only the time differs: not counted as changed, and not listed. */
    onlyTimes: z.int(),
    grownBytes: z.number(),
    /** Paths that packages bring that differ: counted, and listed only with `all`. */
    ofPackages: z.int(),
    /** What has gained rights first, else in the order of a walk. */
    listed: list(FileDifference),
    /** How many are not listed because there are too many. */
    more: z.int(),
  }),
  packages: z.object({
    /** Each with all its versions; none in the first: added, none in the second: removed. */
    differences: list(
      z.object({
        type: z.string(),
        name: z.string(),
        first: list(z.string()),
        second: list(z.string()),
        direction: z.enum(['newer', 'older']).nullable(),
      }),
    ),
    /** What could not be read: the comparison is silent about it. */
    unread: list(z.object({ side: z.enum(['first', 'second']), path: z.string(), why: z.string() })),
  }),
  configuration: list(Change),
  layers: z.object({
    shared: z.object({ count: z.int(), bytes: z.number() }),
    /** Of the shared ones: stored in another form. */
    restored: z.int(),
    first: list(Layer),
    second: list(Layer),
  }),
  /** Null: there is no data about vulnerabilities. */
  vulnerabilities: z
    .object({
      new: list(Vulnerability),
      gone: list(Vulnerability),
      /** What keeps it from being the whole truth. */
      doubts: list(z.string()),
    })
    .nullable(),
});

export const Diff = z
  .object({
    first: Side,
    second: Side,
    /** The same image, and where both are releases, launched with the same. */
    same: z.boolean(),
    /** Null where both are the same image, or where `unread` says why it is not known. */
    image: ImageDifference.nullable(),
    unread: z.string().nullable(),
    /** What they are launched with; null where not both are releases. */
    launch: list(Change).nullable(),
  })
  .meta({ id: 'Diff' });
