/** The metrics of sources that the present step of a canary is judged by. Pure. */
import { groupId, type GroupId } from '../domain/ids.ts';
import type { Metric } from '../domain/metric.ts';
import { paceAfter } from './judge/samples.ts';
import type { FleetState } from './state.ts';

export interface JudgedMetrics {
  readonly metrics: readonly Metric[];
  readonly everyMs: number;
  readonly canary: GroupId;
  readonly baseline: GroupId;
  readonly step: number;
  /** Another step, or the same begun anew, is another subject. */
  readonly subject: string;
}

/** Null where nothing is to be measured: the step has not settled, or is not judged by any, or the rollout is paused. */
export function judgedNow({ fleet, life, rollout, releases }: FleetState): JudgedMetrics | null {
  if (life !== 'active' || rollout?.phase !== 'advancing' || rollout.pausedAt !== null) return null;
  const { to, from, canary: progress } = rollout;
  if (to === null || from === null || progress.window?.settled !== true) return null;
  const strategy = releases[to - 1]?.content.replace.strategy;
  if (strategy?.kind !== 'canary' || strategy.judge?.metrics === undefined) return null;
  const { metrics, everyMs } = strategy.judge.metrics;
  const taken = Math.max(0, ...Object.values(progress.samples).map((samples) => samples.length));
  return {
    metrics,
    everyMs: paceAfter(everyMs, taken),
    canary: groupId(fleet, to),
    baseline: groupId(fleet, from),
    step: progress.step,
    subject: `${rollout.id} ${progress.step} ${progress.window.at}`,
  };
}
