/** Latencies as counts in classes, which is what a load balancer can keep of every request. */
import type { Share } from './statistics.ts';

/** `counts[i]` answers took more than `bounds[i - 1]` and at most `bounds[i]` milliseconds; the last class is open. */
export interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

const total = ({ counts }: Histogram): number => counts.reduce((sum, count) => sum + count, 0);

/** How many took more than the bound of that index. */
export const shareAbove = (histogram: Histogram, bound: number): Share => ({
  hits: histogram.counts.slice(bound + 1).reduce((sum, count) => sum + count, 0),
  trials: total(histogram),
});

/** Milliseconds, interpolated within its class; of the open one its lower bound. 0 where nothing was counted. */
export function atQuantile(histogram: Histogram, quantile: number): number {
  const { bounds, counts } = histogram;
  let left = total(histogram) * quantile;
  for (const [index, count] of counts.entries()) {
    const [lower, upper] = [bounds[index - 1] ?? 0, bounds[index]];
    if (count > 0 && left <= count) return upper === undefined ? lower : lower + ((upper - lower) * left) / count;
    left -= count;
  }
  return 0;
}
