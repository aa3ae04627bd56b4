/** What all steps have in common: a name for people, inputs for the key, and the work itself. */
import type { StepRoot } from '../mounted-root.ts';
import type { BakeDeps } from '../contract.ts';

export interface StepContext {
  readonly deps: BakeDeps;
  readonly onText: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface Step {
  /** Unique within a bake: `build: npm ci`. */
  readonly name: string;
  readonly kind: 'debian' | 'packages' | 'user' | 'folders' | 'files' | 'run';
  /** All that the outcome depends on, besides the layers below. Called once, before `apply`. */
  inputs(): Promise<unknown>;
  /** Changes the root. Throws BAKE_STEP_FAILED and the like; what it wrote is then thrown away. */
  apply(root: StepRoot, context: StepContext): Promise<void>;
}
