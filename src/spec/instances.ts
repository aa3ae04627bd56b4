/** How many instances: what the file gives, over what is there where it gives nothing. */
import { INSTANCES, type InstancesSpec } from './schema/run.ts';

export interface Instances {
  readonly min: number;
  readonly desired: number;
  readonly max: number;
}

interface Given {
  readonly min?: number | undefined;
  readonly desired?: number | undefined;
  readonly max?: number | undefined;
}

const givenBy = (spec: InstancesSpec | undefined): Given => (typeof spec === 'number' ? { desired: spec } : (spec ?? {}));

/** Later layers over earlier ones. What a layer gives stands; inherited bounds make room for it. */
export function resolveInstances(...layers: readonly (InstancesSpec | undefined)[]): Instances {
  return layers.map(givenBy).reduce<Instances>(over, INSTANCES);
}

function over(inherited: Instances, given: Given): Instances {
  const atLeast = given.min ?? 0;
  const atMost = given.max ?? Infinity;
  const desired = given.desired ?? Math.min(Math.max(inherited.desired, atLeast), atMost);
  return {
    min: given.min ?? Math.min(inherited.min, desired),
    desired,
    max: given.max ?? Math.max(inherited.max, desired),
  };
}

/** What contradicts itself within one layer; null is nothing. */
export function contradictionIn(spec: InstancesSpec | undefined): string | null {
  const { min, desired, max } = givenBy(spec);
  if (min !== undefined && desired !== undefined && min > desired) return `min (${min}) is above desired (${desired})`;
  if (desired !== undefined && max !== undefined && desired > max) return `desired (${desired}) is above max (${max})`;
  return min !== undefined && max !== undefined && min > max ? `min (${min}) is above max (${max})` : null;
}
