/** The strategy that a `replace:` section means for a fleet of a size. */
import type { Strategy } from '../domain/release.ts';
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
  if (kind !== 'rolling') return { kind };
  return {
    kind,
    minHealthyPercent: replace['min-healthy'] ?? ROLLING.minHealthyPercent,
    maxSurge: countOf(replace['max-surge'] ?? ROLLING.maxSurge, desired),
    batch: replace.batch === undefined ? null : Math.max(1, countOf(replace.batch, desired)),
  };
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

/** Why a rolling strategy could never make a step; null: it can. */
export function standstill(strategy: Strategy, desired: number): string | null {
  if (strategy.kind !== 'rolling' || strategy.maxSurge > 0 || desired === 0) return null;
  const floor = Math.ceil((desired * strategy.minHealthyPercent) / 100);
  if (floor < desired) return null;
  return `max-surge 0 and min-healthy ${strategy.minHealthyPercent}% leave no room: of ${desired} instances none may be added and none taken away`;
}
