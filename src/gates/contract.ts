/**
 * Gates stand between a baked image and everybody else: each looks at the image and says whether others may have it. This
 * folder owns the contract, the order, the waivers and Kiln's own gates; it tags, journals and stores nothing, and knows
 * of the machine only what `GateSubject` brings.
 */
import type { Digest } from '../domain/digest.ts';
import type { GateName, GatePolicy, Severity, Verdict } from '../domain/gate.ts';
import type { Json } from '../domain/json.ts';
import type { WaiverLine } from '../domain/waiver.ts';
import type { DockerfileRecipe, Recipe } from '../domain/recipe.ts';
import type { ImageTest } from '../domain/image-test.ts';
import type { Probe, ReleaseContent } from '../domain/release.ts';
import type { Image, ImageStore } from '../oci/store.ts';

export interface Waiver {
  readonly reason: string;
  /** The last day on which it holds, `2027-01-31`. */
  readonly until: string;
}

/** Texts may quote the image: they are made harmless where they are shown, and never hold a secret. */
export interface Finding {
  readonly gate: GateName;
  /** Stable, kebab-case: `secret-in-env`, or what the source calls it: `CVE-2026-1234`. */
  readonly rule: string;
  readonly severity: Severity;
  /** What is wrong, in one sentence. */
  readonly what: string;
  readonly where: {
    /** In the image: absolute. In the recipe's folder: relative. Null: neither (the environment, a package). */
    readonly path: string | null;
    /** The layer's diffId, where it is of one layer. */
    readonly layer: Digest | null;
    readonly line?: number;
  };
  /** What to do. */
  readonly fix: string;
  /** Stable over bakes (`fingerprintOf`): what a waiver names. */
  readonly fingerprint: string;
  /** Whether it fails the gate. The gate says so (its severity, whether it is new, …); a waiver takes it back. */
  readonly blocks: boolean;
  /** Set by `runGates`. */
  readonly waiver: Waiver | null;
}

/** What of a gate's result is kept as an in-toto statement about the image. */
export interface Predicate {
  /** in-toto `predicateType`: a URI. */
  readonly type: string;
  readonly content: Json;
}

/** What a gate answers. */
export interface GateResult {
  readonly findings: readonly Finding[];
  /** One line for people: `2 of 2 tests passed`, `128 packages, none with a known vulnerability`. */
  readonly why: string;
  readonly skipped?: boolean;
  readonly predicates: readonly Predicate[];
}

/** What is made of it. `fail`: a finding blocks, or the gate could not do its work; `why` tells which. */
export interface GateReport extends Omit<GateResult, 'skipped'> {
  readonly gate: GateName;
  readonly verdict: Verdict;
  readonly ms: number;
}

/** What is published now, and the fingerprints of what only a waiver or a statement let through there. */
export interface Baseline {
  readonly image: Image;
  readonly excused: ReadonlySet<string>;
}

export interface GateSubject {
  readonly service: string;
  readonly recipe: Recipe | DockerfileRecipe;
  readonly image: Image;
  readonly store: ImageStore;
  /** How its instances are asked whether they are well; null: nothing says. */
  readonly probe: Probe['kind'] | null;
  /** `run.user`: who instances run as in place of the image's own user; null: as that one. */
  readonly runUser: string | null;
  /** `image.test`. */
  readonly tests: readonly ImageTest[];
  /** What an instance for the tests is launched with. Throws CONFIG_INVALID where image and file don't fit. */
  readonly launch: () => ReleaseContent;
  /** What is found there, too, is not new. */
  readonly baseline: Baseline | null;
  readonly policy: GatePolicy;
  /** `kiln.waivers.yaml`. Gates leave them to `runGates`. */
  readonly waivers: readonly WaiverLine[];
  /** Ms since the epoch, the same for all gates of one bake. */
  readonly now: number;
  readonly signal: AbortSignal;
  /** For results by layer (`diffId` and version of the rules) and the like; made on demand. May be deleted at any time. */
  readonly cacheFolder: string;
}

export interface Gate {
  readonly name: GateName;
  /** Those whose report it works from: where one of them could not do its work, this one is skipped. Default: none. */
  readonly needs?: readonly GateName[];
  /**
   * `earlier`: the reports of the gates before it. A KilnError (a malformed layer, a missing program) fails the gate and is
   * told in its report; anything else is a bug and ends the bake. Ends soon when the subject's signal fires, with its reason.
   */
  run(subject: GateSubject, earlier: readonly GateReport[]): Promise<GateResult>;
}

/** What a bake says of its gates while it works. */
export type GateEvent =
  | { readonly kind: 'gate.started'; readonly gate: GateName }
  | {
      readonly kind: 'gate.done';
      readonly gate: GateName;
      readonly verdict: Verdict;
      readonly why: string;
      readonly findings: number;
      readonly ms: number;
    };
