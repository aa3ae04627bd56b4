/**
 * The bake: a recipe becomes an image in the store. This folder owns the steps, their cache, kiln.lock and the import of
 * Dockerfiles; it does not read kiln.yaml, run instances or talk to a daemon. What it needs comes in as `BakeDeps`.
 */
import type { Digest } from '../domain/digest.ts';
import type { RuntimeMount } from '../linux/runtime-config.ts';
import type { RegistryOptions } from '../oci/registry.ts';
import type { ServiceName } from '../domain/ids.ts';
import type { ImageConfig, ImageStore, Layer } from '../oci/store.ts';
import type { Clock } from '../platform/clock.ts';
import type { Home } from '../platform/home.ts';
import type { Revision } from './git.ts';
import type { LockMove } from './lock-moves.ts';

/** The part of src/linux/layers.ts that a bake needs. */
export interface MountedLayers {
  /** Every answer of `ensure` lies right below it. */
  readonly base: string;
  ensure(layer: Layer): Promise<string>;
}

/** What an image stands on. */
export interface BaseIdentity {
  /** As it is written in kiln.yaml. */
  readonly name: string;
  readonly digest: Digest;
}

/** What a bake asks and tells of lineage. */
export interface BakeLineage {
  /** The image that the channel holds now. Throws NOT_FOUND. */
  heldBy(service: ServiceName, channel: string): Digest;
  /** Told of each base before anything is built on it. Throws IMAGE_REVOKED for one on which nothing may be. */
  onBase(base: BaseIdentity): void;
}

export interface BakeDeps {
  readonly store: ImageStore;
  readonly home: Home;
  readonly layers: MountedLayers;
  readonly clock: Clock;
  readonly lineage: BakeLineage;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BakeEvent) => void;
  /** How bases are pulled: mirrors, logins. Default: as if nothing were set. */
  readonly registry?: RegistryOptions;
  /** Steps that others have baked. Default: none. */
  readonly shared?: SharedSteps;
  /** For a bake in other surroundings than usual. */
  readonly surroundings?: Surroundings;
}

/** What a step made. */
export interface Outcome {
  /** Null: it changed nothing. */
  readonly layer: Layer | null;
  /** Whether the layer has nothing in /etc, nor in the place of /etc: accounts are what they were below it. */
  readonly leavesEtc: boolean;
}

export interface SharedSteps {
  /** The layer is in the store when it answers. Null: nobody has baked it. */
  find(key: Digest): Promise<Outcome | null>;
  /** Told of every step, cached or not. */
  used(key: Digest, outcome: Outcome): void;
}

/** Files that every command finds besides its own, in roots that have what they need. */
export interface Surroundings {
  readonly mounts: readonly RuntimeMount[];
  /** Absolute paths. */
  readonly needs: readonly string[];
}

export const USUAL: Surroundings = { mounts: [], needs: [] };

export interface BakeOptions {
  readonly service: string;
  /** The version: `1.2.0` becomes the tag `service:1.2.0`. Null: only the git revision's tag. */
  readonly version: string | null;
  /** What git would say of the recipe's folder; absent: git is asked. */
  readonly revision?: Revision | null;
  /** Moves kiln.lock to what the mirrors and registries have now. */
  readonly update: boolean;
  /** Names of the Debian packages that the update is about: others stay as they are locked. Default: all. */
  readonly only?: ReadonlySet<string>;
}

/** What the CLI shows and the journal keeps. `step` is unique within one bake. */
export type BakeEvent =
  | { readonly kind: 'step.started'; readonly step: string }
  | { readonly kind: 'step.output'; readonly step: string; readonly text: string }
  | { readonly kind: 'step.done'; readonly step: string; readonly cached: boolean; readonly ms: number }
  | { readonly kind: 'step.failed'; readonly step: string; readonly ms: number; readonly message: string };

export interface BakedStep {
  readonly name: string;
  readonly cached: boolean;
  readonly ms: number;
}

export interface BakeResult {
  readonly digest: Digest;
  /** Those that it is to get once it is published. */
  readonly tags: readonly string[];
  /** False: every step was cached and the image was in the store already. */
  readonly changed: boolean;
  readonly steps: readonly BakedStep[];
  /** What `update` moved in kiln.lock. */
  readonly moved: readonly LockMove[];
  readonly ms: number;
}

/** What steps have made so far, lowest layer first, and for each layer what made it: tools take one only with the other. */
export interface Chain {
  readonly layers: readonly Layer[];
  readonly history: NonNullable<ImageConfig['history']>;
  /** Those of the layers that may say something of /etc: what is read from there depends on no other. */
  readonly etc: readonly Layer[];
}

export const NOTHING: Chain = { layers: [], history: [], etc: [] };

/**
 * The time of everything in a layer: 1980-01-01, the first day that zip archives can express. A constant, so that the
 * digest is the same on another day, path and checkout.
 */
export const EPOCH_SECONDS = 315_532_800;

/** The same, as images' configurations write it. */
export const EPOCH_TEXT = '1980-01-01T00:00:00Z';
