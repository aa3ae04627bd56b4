/** A revocation: from a moment on, an image may not start (law 1). What runs of it already is reported, or replaced. */
import type { Digest } from './digest.ts';

export interface Revocation {
  readonly image: Digest;
  /** In force from here on, ms since the epoch; may lie ahead. */
  readonly since: number;
  /** For people: who, and why. */
  readonly by: string;
  readonly why: string;
  /** Its descendants are revoked with it, those that are made later too. */
  readonly cascade: boolean;
  /** The ancestor with which it was revoked; null: it was named itself. */
  readonly through: Digest | null;
}

/** The revocation that is in force for an image now; null: it may start. Asked before every launch. */
export type Revoked = (image: Digest) => Revocation | null;

/** For people: `revoked by ada: leaks a key`. */
export const whyRevoked = ({ by, why }: Revocation): string => `revoked by ${by}${why === '' ? '' : `: ${why}`}`;
