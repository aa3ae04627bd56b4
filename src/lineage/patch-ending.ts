/** How the rollout of a patch has ended, from the state of its fleet. Pure, and level-driven: it does not matter what came between. */
import type { FleetOutcome } from './patch-steps.ts';

/** What a patch has to know of a fleet. */
export interface FleetView {
  /** What serves; null: nothing does. */
  readonly serving: number | null;
  /** Whether what serves has the vulnerability. */
  readonly affected: boolean;
  /** Null: no rollout is under way. */
  readonly phase: 'advancing' | 'restoring' | 'attention' | null;
  /** Why the last rollout ended as it did. */
  readonly reason: string;
}

/** Null: it has not ended. */
export function endingOf(view: FleetView): { readonly outcome: FleetOutcome; readonly why: string } | null {
  const { serving, affected, phase, reason } = view;
  if (phase === 'attention') return { outcome: 'attention', why: `the way back is not healthy either: ${reason}` };
  if (phase !== null) return null;
  if (serving !== null && !affected) return { outcome: 'mended', why: '' };
  return { outcome: 'rolled-back', why: serving === null ? `${reason}; nothing serves` : `${reason}; r${serving} serves` };
}
