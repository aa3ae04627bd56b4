/**
 * Whether a bake is reproducible: the image is baked once more from nothing, where much is different, and compared. This
 * folder owns the second bake, the comparison and the explanation of each difference; it changes no image and no recipe.
 */
import type { Digest } from '../domain/digest.ts';
import type { Aspect } from '../oci/file-aspects.ts';

/** What is different where the second bake happens; or the same, where this machine can't make it different. */
export interface Variation {
  readonly what: 'clock' | 'path' | 'umask' | 'file order' | 'processors' | 'host name';
  readonly varied: boolean;
  /** How, or why not. */
  readonly how: string;
}

export interface Difference {
  /** In the image; null: the image's configuration. */
  readonly path: string | null;
  /** What made the layer, as its history says; null for the configuration. */
  readonly step: string | null;
  readonly what: readonly Aspect[];
  /** The row of the table of causes; null: none was recognised. */
  readonly cause: string | null;
  readonly why: string;
  /** What to do about it. */
  readonly fix: string;
}

export interface Reproduction {
  readonly same: boolean;
  readonly first: Digest;
  readonly second: Digest;
  readonly variations: readonly Variation[];
  /** The first ones, in the order of the image. */
  readonly differences: readonly Difference[];
  /** How many more there are. */
  readonly more: number;
  readonly ms: number;
}

/** One path in two layers, with as much of both contents as was read (null: not there, no file, or too large). */
export interface Pair {
  /** Relative to the image's root. */
  readonly path: string;
  readonly what: readonly Aspect[];
  readonly first: Buffer | null;
  readonly second: Buffer | null;
}
