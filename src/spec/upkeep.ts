/** What Kiln does by itself with the fleet of an environment: `run.scale` and `run.max-age`. */
import type { ScaleTarget, Upkeep } from '../domain/upkeep.ts';
import type { Strategy } from '../domain/release.ts';
import type { ResolvedEnvironment } from './environment.ts';
import { sourceOf } from './metrics.ts';
import type { InstancesSpec, RunSpec } from './schema/run.ts';
import type { ScaleSpec } from './schema/scale.ts';
import { singleWriters, strategyOf } from './strategy.ts';

export function upkeepOf({ run, replace }: ResolvedEnvironment): Upkeep {
  const { scale, 'max-age': maxAgeMs = null } = run;
  if (scale === undefined) return { scale: null, maxAgeMs };
  return { scale: { targets: targetsOf(scale, replace.prometheus), upMs: scale.up, downMs: scale.down }, maxAgeMs };
}

const targetsOf = ({ cpu, requests, metric }: ScaleSpec, prometheus: string): readonly ScaleTarget[] => [
  ...(cpu === undefined ? [] : [{ kind: 'cpu', each: cpu } as const]),
  ...(requests === undefined ? [] : [{ kind: 'requests', each: requests } as const]),
  ...(metric === undefined ? [] : [{ kind: 'metric', each: metric.each, source: sourceOf(metric, prometheus) } as const]),
];

/** Why the size can't follow the load in the environment; null: it can, or is not asked to. */
export function scaleConflict(
  environment: ResolvedEnvironment,
  ...layers: readonly (InstancesSpec | undefined)[]
): string | null {
  const { scale } = environment.run;
  if (scale === undefined) return null;
  const [volume] = singleWriters(environment.run);
  if (volume !== undefined) return `the volume ${volume} has a single writer: there can be no more than one instance`;
  const bounded = layers.some((layer) => typeof layer === 'object' && layer.max !== undefined);
  if (!bounded) return 'says not how far: give instances a max';
  if (environment.instances.min < 1) return 'can not follow the load of no instance: give instances a min of at least 1';
  const counted = scale.requests === undefined || environment.listen !== null;
  return counted
    ? null
    : 'requests are counted by the load balancer, and the environment takes none: give it a listen, or use cpu';
}

/** Why instances can't be replaced one by one for their age; null: they can, or need not be. */
export function ageConflict(run: Omit<RunSpec, 'instances'>, strategy: Strategy): string | null {
  if (run['max-age'] === undefined) return null;
  const [volume] = singleWriters(run);
  if (volume !== undefined) return `the volume ${volume} has a single writer: none can be started before the old one has ended`;
  return strategy.kind === 'recreate'
    ? 'recreate ends the old before it starts the new: no instance can be replaced by itself'
    : null;
}

/** Of one environment. */
export const strategyIn = ({ replace, run, instances }: ResolvedEnvironment): Strategy =>
  strategyOf(replace, run, instances.desired);
