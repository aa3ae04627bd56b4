/**
 * Which images stay, and why; what nothing speaks for goes to the trash. Pure. Whatever the policy says, an image stays that
 * runs, serves, is a way back of a fleet or of a channel, is held by a channel, or that one of these was built on.
 */
import type { Digest } from '../domain/digest.ts';
import { ancestorsOf, type Parents } from './graph.ts';
import type { Channel } from './state.ts';
import { keyOf } from './channels.ts';

export interface RetentionPolicy {
  /** The newest so many of each name (`web` of `web:1.2.0`) stay. */
  readonly keep: number;
  /** So many that a channel held before stay: where its rollbacks go. */
  readonly keepOfChannel: number;
  /** What came into the store within this time stays, ms. */
  readonly youngMs: number;
  /** What was launched within this time stays, ms. */
  readonly launchedMs: number;
  /** How long the trash keeps what goes, ms. */
  readonly trashMs: number;
}

export const DEFAULT_RETENTION: RetentionPolicy = {
  keep: 3,
  keepOfChannel: 5,
  youngMs: 3_600_000,
  launchedMs: 0,
  trashMs: 7 * 86_400_000,
};

export interface RetentionInput {
  readonly images: readonly {
    readonly digest: Digest;
    readonly tags: readonly string[];
    readonly storedAt: number;
    /** It can't be read: what it was built on is not known. */
    readonly damaged: boolean;
  }[];
  /** What fleets have use for, each with the words for it: "serves web.local". */
  readonly inUse: readonly (readonly [image: Digest, why: string])[];
  readonly channels: Iterable<Channel>;
  /** When each image was last launched, ms since the epoch. */
  readonly launched: ReadonlyMap<Digest, number>;
  readonly parents: Parents;
  readonly policy: RetentionPolicy;
  readonly now: number;
}

export interface Verdict {
  readonly image: Digest;
  readonly tags: readonly string[];
  /** Why it stays, for people; empty: it goes. */
  readonly stays: readonly string[];
}

/** In the order of the images. */
export function planRetention(input: RetentionInput): readonly Verdict[] {
  const reasons = new Map<Digest, string[]>();
  const keep = (image: Digest, why: string): void => {
    const known = reasons.get(image) ?? [];
    if (!known.includes(why)) reasons.set(image, [...known, why]);
  };
  for (const [image, why] of input.inUse) keep(image, why);
  for (const channel of input.channels) keepChannel(channel, input.policy, keep);
  keepByPolicy(input, keep);
  keepAncestors(input, [...reasons.keys()], keep);
  return input.images.map(({ digest, tags }) => ({ image: digest, tags, stays: reasons.get(digest) ?? [] }));
}

type Keep = (image: Digest, why: string) => void;

function keepChannel(channel: Channel, { keepOfChannel }: RetentionPolicy, keep: Keep): void {
  keep(channel.image, `held by ${keyOf(channel)}`);
  for (const image of keepOfChannel === 0 ? [] : channel.trail.slice(-keepOfChannel))
    keep(image, `a way back of ${keyOf(channel)}`);
}

function keepByPolicy({ images, launched, policy, now }: RetentionInput, keep: Keep): void {
  for (const { digest, storedAt } of images) {
    if (now - storedAt < policy.youngMs) keep(digest, 'new');
    const at = launched.get(digest);
    if (at !== undefined && now - at < policy.launchedMs) keep(digest, 'launched not long ago');
  }
  const named = images.flatMap((image) => [...new Set(image.tags.map(nameOf))].map((name) => ({ name, image })));
  for (const [name, group] of Map.groupBy(named, (each) => each.name)) {
    const newest = group.toSorted((a, b) => b.image.storedAt - a.image.storedAt).slice(0, policy.keep);
    for (const { image } of newest) keep(image.digest, `among the newest ${policy.keep} of ${name}`);
  }
}

/** What stays can be baked again. Of a damaged image the base is not known: it might be any. */
function keepAncestors({ images, parents }: RetentionInput, kept: readonly Digest[], keep: Keep): void {
  const isKept = new Set(kept);
  for (const image of kept) {
    for (const ancestor of ancestorsOf(image, parents).keys()) keep(ancestor, `${short(image)} was built on it`);
  }
  const damaged = images.find((image) => image.damaged && isKept.has(image.digest));
  if (damaged === undefined) return;
  for (const { digest } of images) keep(digest, `${short(damaged.digest)} is damaged, and might have been built on it`);
}

const short = (image: Digest): string => image.slice('sha256:'.length, 'sha256:'.length + 8);
const nameOf = (tag: string): string => tag.slice(0, tag.lastIndexOf(':'));
