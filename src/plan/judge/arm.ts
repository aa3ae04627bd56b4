/** From a load balancer's counters, which only grow, to what one arm answered during a step. */
import type { Answered } from '../../engines/engine.ts';
import type { Arm } from './judge.ts';

/** All of them so far. */
export const armOf = ({ requests, status, latencyMs }: Answered): Arm => ({
  requests,
  errors: status['5xx'] + status.failed,
  latency: {
    bounds: latencyMs.map(({ le }) => le).filter((le) => Number.isFinite(le)),
    counts: latencyMs.map(({ count }) => count),
  },
});

interface Both {
  readonly canary: Arm;
  readonly baseline: Arm;
}

/** What came since; null where a counter has fallen: it is not the same counter. */
export function since(before: Both, now: Both): Both | null {
  const [canary, baseline] = [less(now.canary, before.canary), less(now.baseline, before.baseline)];
  return canary === null || baseline === null ? null : { canary, baseline };
}

function less(now: Arm, before: Arm): Arm | null {
  const requests = now.requests - before.requests;
  // Requests without an answer are a difference of two counters: it may waver by a few.
  const errors = Math.max(0, now.errors - before.errors);
  const counts = now.latency.counts.map((count, index) => count - (before.latency.counts[index] ?? 0));
  const fell = requests < 0 || counts.some((count) => count < 0);
  return fell ? null : { requests, errors: Math.min(errors, requests), latency: { ...now.latency, counts } };
}
