/**
 * Latency buckets. HAProxy counts each answer under `route|status class|bucket` in one table of its own; the bucket comes
 * from a map of ranges of microseconds. So nothing is logged or parsed for each request, and nothing is lost while the daemon is down.
 */
import { join } from 'node:path';

import type { TrafficPaths } from './paths.ts';

export const METRICS_TABLE = 'kiln.metrics';

/** Upper bounds in milliseconds; one more bucket is open. */
export const BOUNDS_MS: readonly number[] = [
  1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 2_000, 5_000, 10_000,
];

export const bucketTable = (paths: TrafficPaths): string => join(paths.maps, 'latency-buckets.map');

/** `lower:upper name` a line, in microseconds; above the last is `inf`, the converter's default. */
export const bucketText = (): string =>
  BOUNDS_MS.map(
    (bound, index) => `${(BOUNDS_MS[index - 1] ?? 0) * 1_000 + (index === 0 ? 0 : 1)}:${bound * 1_000} ${bound}\n`,
  ).join('');
