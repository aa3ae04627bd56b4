/** How instances of an image behave: what becomes of one after its launch, drawn once per instance. */
import type { Random } from './random.ts';

export type Behaviour =
  /** Healthy after a while, and then for good. */
  | { readonly kind: 'good'; readonly healthyAfterMs: number }
  /** Never healthy: reported `starting` until the health deadline, then `unhealthy`. */
  | { readonly kind: 'never' }
  /** Its process ends this long after the launch, healthy or not; `healthyAfterMs` may be later than that. */
  | { readonly kind: 'exits'; readonly healthyAfterMs: number; readonly afterMs: number }
  /** Healthy and unhealthy by turns. */
  | { readonly kind: 'flaps'; readonly healthyAfterMs: number; readonly upMs: number; readonly downMs: number }
  /** Healthy for the probe, and fails its traffic. */
  | { readonly kind: 'lies'; readonly healthyAfterMs: number }
  /** Healthy where no more than `atMost` are starting anywhere at its launch, else never: starting costs what all share. */
  | { readonly kind: 'crowded'; readonly healthyAfterMs: number; readonly atMost: number }
  /** Healthy, but each instance ends by itself after a life of about this length. */
  | { readonly kind: 'mortal'; readonly healthyAfterMs: number; readonly lifeMs: number };

export const GOOD: Behaviour = { kind: 'good', healthyAfterMs: 300 };

/** What one instance does next, `afterMs` after its last change. */
export interface Turn {
  readonly afterMs: number;
  readonly to: 'healthy' | 'unhealthy' | 'exited';
}

/** The turns of one instance's life in order; the last state stays. Times vary by half around the behaviour's. */
export function* lifeOf(behaviour: Behaviour, random: Random): Generator<Turn, void> {
  if (behaviour.kind === 'never') return;
  const healthyMs = varied(behaviour.healthyAfterMs, random);
  if (behaviour.kind === 'exits') {
    const exitMs = varied(behaviour.afterMs, random);
    if (healthyMs < exitMs) yield { afterMs: healthyMs, to: 'healthy' };
    yield { afterMs: healthyMs < exitMs ? exitMs - healthyMs : exitMs, to: 'exited' };
    return;
  }
  yield { afterMs: healthyMs, to: 'healthy' };
  if (behaviour.kind === 'mortal') yield { afterMs: varied(behaviour.lifeMs, random), to: 'exited' };
  while (behaviour.kind === 'flaps') {
    yield { afterMs: varied(behaviour.upMs, random), to: 'unhealthy' };
    yield { afterMs: varied(behaviour.downMs, random), to: 'healthy' };
  }
}

/** Between half and one and a half of `ms`, at least 1. */
const varied = (ms: number, random: Random): number => Math.max(1, Math.round(ms / 2) + random.below(ms + 1));
