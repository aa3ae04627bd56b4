/** What a cascade is made of, as the journal has it. */
import type { Digest } from '../domain/digest.ts';

/** One image that is to be made again. */
export interface CascadeStep {
  /** Of its line: folder and service. */
  readonly key: string;
  readonly service: string;
  readonly folder: string;
  /** What it is now. */
  readonly image: Digest;
  /** The steps that have to be done before: what it stands on. */
  readonly after: readonly string[];
  /** The channels that hold it, and so are to hold what takes its place. */
  readonly channels: readonly string[];
  /** Why it cannot follow; null: it can. What stands on it cannot follow either. */
  readonly stuck: string | null;
}

export type StepOutcome = 'made' | 'unchanged' | 'failed' | 'stuck' | 'skipped';

export interface StepResult {
  readonly key: string;
  readonly outcome: StepOutcome;
  /** What took its place. */
  readonly image: Digest | null;
  readonly why: string;
  readonly moved: readonly string[];
  /** Of a patch: what of the packages was mended. */
  readonly mended?: readonly MendedPackage[];
}

export interface MendedPackage {
  readonly name: string;
  readonly from: string;
  /** Null: it is no longer in the image. */
  readonly to: string | null;
}
