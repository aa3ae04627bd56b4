/** The strategy that a `replace:` section means for a fleet of a size. */
import type { CanaryStep, JudgeTerms, Strategy } from '../domain/release.ts';
import { metricsOf } from './metrics.ts';
import { DEFAULT_HOLD_MS, type JudgeSpec } from './schema/canary.ts';
import { type ReplaceSpec, ROLLING } from './schema/replace.ts';
import type { RunSpec } from './schema/run.ts';
import type { Share } from './units.ts';

/** Names of the volumes that only one instance may have at a time. */
export const singleWriters = (run: Pick<RunSpec, 'volumes'>): readonly string[] =>
  Object.entries(run.volumes)
    .filter(([, volume]) => typeof volume !== 'string' && volume['single-writer'])
    .map(([name]) => name);

/** Without a word about it: rolling, or recreate where a volume has a single writer. */
export function strategyOf(replace: ReplaceSpec, run: Pick<RunSpec, 'volumes'>, desired: number): Strategy {
  const kind = replace.strategy ?? (singleWriters(run).length > 0 ? 'recreate' : 'rolling');
  if (kind === 'canary') {
    const { steps = DEFAULT_STEPS, sticky } = replace;
    return { kind, steps, judge: termsOf(replace), ...(sticky === undefined ? {} : { sticky }) };
  }
  if (kind !== 'rolling') return { kind };
  return {
    kind,
    minHealthyPercent: replace['min-healthy'] ?? ROLLING.minHealthyPercent,
    maxSurge: countOf(replace['max-surge'] ?? ROLLING.maxSurge, desired),
    batch: replace.batch === undefined ? null : Math.max(1, countOf(replace.batch, desired)),
    ...(replace.checkpoints === undefined ? {} : { checkpoints: replace.checkpoints }),
  };
}

const DEFAULT_STEPS: readonly CanaryStep[] = [500, 2500, 5000].map((weight) => ({ weight, holdMs: DEFAULT_HOLD_MS }));
const DEFAULT_JUDGE: JudgeTerms = {
  maxErrors: null,
  maxSlowdown: 1.05,
  maxLatency: [],
  settleMs: 10_000,
  waitMs: 15 * 60_000,
  unsure: 'roll-back',
};

/** Without a word about it the canary is compared with what serves, and nothing else. */
function termsOf({ judge, prometheus }: Pick<ReplaceSpec, 'judge' | 'prometheus'>): JudgeTerms | null {
  if (judge === undefined) return DEFAULT_JUDGE;
  if (judge === 'off') return null;
  const quantiles = [[0.5, judge.p50] as const, [0.95, judge.p95] as const, [0.99, judge.p99] as const];
  return {
    maxErrors: judge.errors === undefined ? null : judge.errors / 100,
    maxSlowdown: judge.slower,
    maxLatency: quantiles.flatMap(([quantile, ms]) => (ms === undefined ? [] : [{ quantile, ms }])),
    settleMs: judge.settle,
    waitMs: judge.wait,
    unsure: judge.unsure,
    ...metricsTermsOf(judge, prometheus),
  };
}

function metricsTermsOf(judge: Exclude<JudgeSpec, 'off'>, prometheus: string): Pick<JudgeTerms, 'metrics'> {
  const metrics = metricsOf(judge.metrics, prometheus);
  return metrics.length === 0 ? {} : { metrics: { metrics, everyMs: judge.every, unreadable: judge.unreadable } };
}

/** Rounded up, so that a small fleet's share is not nothing. */
const countOf = (share: Share, desired: number): number =>
  'count' in share ? share.count : Math.ceil((desired * share.percent) / 100);

/** Why the strategy can't be used with the volumes; null: it can. Two groups at once would be two writers. */
export function writerConflict(kind: Strategy['kind'], run: Pick<RunSpec, 'volumes'>): string | null {
  const [volume] = singleWriters(run);
  if (volume === undefined || kind === 'recreate') return null;
  return `${kind} runs old and new instances side by side, but the volume ${volume} has a single writer; use recreate, or leave strategy out`;
}

/** Why a canary can't be used; null: it can. */
export const splitConflict = (kind: Strategy['kind'], listens: boolean): string | null =>
  kind !== 'canary' || listens
    ? null
    : 'canary shares out traffic, and the environment takes none; give it a listen, or use rolling';

/** Which step would take away what one before it gave; null: none. */
export function lateMirror(steps: readonly CanaryStep[] | undefined): number | null {
  const shared = steps?.findIndex((step) => !('when' in step || 'mirror' in step)) ?? -1;
  const late = steps?.findIndex((step, index) => 'mirror' in step && shared >= 0 && index > shared) ?? -1;
  return late < 0 ? null : late;
}

/** Why a rolling strategy could never make a step; null: it can. */
export function standstill(strategy: Strategy, desired: number): string | null {
  if (strategy.kind !== 'rolling' || strategy.maxSurge > 0 || desired === 0) return null;
  const floor = Math.ceil((desired * strategy.minHealthyPercent) / 100);
  if (floor < desired) return null;
  return `max-surge 0 and min-healthy ${strategy.minHealthyPercent}% leave no room: of ${desired} instances none may be added and none taken away`;
}
