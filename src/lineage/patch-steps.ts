/** What a patch is made of besides the steps of its cascade, as the journal has it. */
import type { Digest } from '../domain/digest.ts';
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import type { CascadeStep, StepResult } from './cascade-steps.ts';

/** A fleet of which something runs, or would, of an image that has the vulnerability. */
export interface PatchFleet {
  readonly fleet: FleetId;
  /** The release that it serves or is on its way to. */
  readonly release: ReleaseNumber;
  readonly image: Digest;
  /** The line whose image is to take that one's place; null: that one is mended, and only what it replaced has to go. */
  readonly key: string | null;
  /** Of its kiln.yaml, which says what its environment demands; null: none is known here. */
  readonly folder: string | null;
  /** Of its environment; null: it has none. */
  readonly channel: string | null;
  /** Why nothing can be done for it; null: something can. */
  readonly stuck: string | null;
}

/** `mended`: what serves does not have it. `stuck`: nothing was done. The others are how a rollout failed. */
export type FleetOutcome = 'mended' | 'rolled-back' | 'attention' | 'stuck';

export interface FleetResult {
  readonly fleet: FleetId;
  readonly outcome: FleetOutcome;
  /** What serves. */
  readonly release: ReleaseNumber | null;
  readonly why: string;
}

export interface Patch {
  /** The seq of the entry that started it, which is its cascade's, too. */
  readonly id: number;
  readonly at: number;
  readonly cve: string;
  /** Every image that had it when the patch began. */
  readonly images: readonly Digest[];
  readonly steps: readonly CascadeStep[];
  readonly fleets: readonly PatchFleet[];
  readonly by: string;
  readonly glass: string | null;
  readonly made: ReadonlyMap<string, StepResult>;
  /** The releases that were made for it. */
  readonly rolling: ReadonlyMap<FleetId, ReleaseNumber>;
  readonly ended: ReadonlyMap<FleetId, FleetResult>;
  readonly finishedAt: number | null;
}
