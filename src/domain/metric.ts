/**
 * Metrics beyond what the load balancer counts: where a number is asked for, and what the judge makes of it. Part of a
 * release, so that a rollback judges by what its release said.
 */

/**
 * `$release`, `$group`, `$service` and `$environment` in `query`, `url` and `command` stand for those of the group that is
 * asked about. `path` leads to the number in JSON (RFC 9535, singular query).
 */
export type MetricSource =
  /** An instant query that gives one number. */
  | { readonly kind: 'prometheus'; readonly url: string; readonly query: string }
  /** GET, answered with JSON. */
  | { readonly kind: 'http'; readonly url: string; readonly path: string }
  /** Beside a healthy instance of the group: in its image, its network and with its environment, unable to write. It writes JSON. */
  | { readonly kind: 'command'; readonly command: readonly string[]; readonly path: string };

/** What a metric must not do for its release to pass. All of a metric's questions are asked. */
export interface MetricTerms {
  /** The middle of the canary's numbers must not be above, or below. */
  readonly below: number | null;
  readonly above: number | null;
  /** Nor higher, or lower, than that of what serves at the same time by more than this share (0.2 is 20 %). */
  readonly rise: number | null;
  readonly drop: number | null;
}

export interface Metric extends MetricTerms {
  /** Unique within its release. */
  readonly name: string;
  readonly source: MetricSource;
}

/** Ends a rollout, of any strategy and at any moment, once it has held for `forMs` without a break. */
export interface Alarm {
  readonly name: string;
  readonly source: MetricSource;
  /** It holds while the number is above, or below. One of the two is a number. */
  readonly above: number | null;
  readonly below: number | null;
  readonly forMs: number;
}
