/**
 * What Kiln does by itself with a fleet that rests: how its size follows its load, and how old its instances get. Like the
 * size it is the fleet's and not the release's: to change it replaces nothing.
 */
import type { MetricSource } from './metric.ts';

/** What of the load one instance is to have. Of several the one that asks for most instances decides. */
export type ScaleTarget =
  /** Percent of the CPUs that an instance may use (`run.limits.cpus`), or of one CPU where there is no limit. */
  | { readonly kind: 'cpu'; readonly each: number }
  /** Requests a second. */
  | { readonly kind: 'requests'; readonly each: number }
  /** A number that grows with the work of the whole fleet, such as the length of a queue. */
  | { readonly kind: 'metric'; readonly each: number; readonly source: MetricSource };

export interface ScalePolicy {
  /** At least one. */
  readonly targets: readonly ScaleTarget[];
  /** How long after any change of the size, or after a rollout, the fleet grows, and shrinks. */
  readonly upMs: number;
  readonly downMs: number;
}

export interface Upkeep {
  /** Null: nobody but people sets the size. */
  readonly scale: ScalePolicy | null;
  /** An instance is replaced before it is older than this; null: however old. */
  readonly maxAgeMs: number | null;
}

export const NO_UPKEEP: Upkeep = { scale: null, maxAgeMs: null };

/** What was measured of a fleet for one target, over the last while. */
export interface Measurement {
  readonly kind: ScaleTarget['kind'];
  /** What one instance is to have. */
  readonly each: number;
  /** What all have together; null: not known now. */
  readonly total: number | null;
  /** False: of some instances it is not known, or not over the same time, so that it may be too little or too much. */
  readonly whole: boolean;
}
