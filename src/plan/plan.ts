/**
 * A plan: the next safe steps only, what it waits for, and why. Data, so that it can be shown (`--plan`), checked apart
 * from the planner (lint.ts), journaled and executed by something that knows nothing of strategies.
 */
import type { Digest } from '../domain/digest.ts';
import type { FleetId, GroupId, InstanceId, JobId, ReleaseNumber } from '../domain/ids.ts';
import type { Traffic } from '../engines/engine.ts';
import type { FleetEvent } from './events.ts';
import type { WaitingState } from './waiting.ts';

export type Step =
  | { readonly kind: 'record'; readonly event: FleetEvent }
  | { readonly kind: 'ensure-image'; readonly image: Digest }
  | { readonly kind: 'ensure-group'; readonly group: GroupId; readonly release: ReleaseNumber; readonly size: number }
  /** One of its group, which is left with that size. */
  | { readonly kind: 'retire-instance'; readonly instance: InstanceId; readonly size: number; readonly why: string }
  /** In an experiment: as if it had ended by itself. */
  | { readonly kind: 'kill-instance'; readonly instance: InstanceId; readonly why: string }
  | ({ readonly kind: 'set-traffic' } & Traffic)
  /** Of a task that was started. The job's own id is made of both. */
  | { readonly kind: 'start-job'; readonly release: ReleaseNumber; readonly task: string }
  /** Stopped where it still runs. */
  | { readonly kind: 'end-job'; readonly job: JobId }
  /** A test or webhook: in the background, and tried again until it is recorded as ended. */
  | { readonly kind: 'run-task'; readonly rollout: number; readonly release: ReleaseNumber; readonly task: string }
  | { readonly kind: 'delete-group'; readonly group: GroupId }
  | { readonly kind: 'forget-fleet' };

export interface Wait {
  readonly state: WaitingState;
  /** "2 of 3 instances of r8 healthy". */
  readonly what: string;
  /** When it gives up, ms since the epoch; null: a person is needed, and Kiln goes on trying. */
  readonly until: number | null;
  /** What happens then: "rolls back to r7". */
  readonly otherwise: string;
}

export interface Plan {
  readonly fleet: FleetId;
  /** The state's seq that it was made from: it is refused once that has moved on. */
  readonly basis: number;
  /** In this order; a step runs only when all before it have succeeded. */
  readonly steps: readonly Step[];
  readonly waits: readonly Wait[];
  /** When the planner wants to look again although nothing has changed, ms since the epoch. */
  readonly wakeAt: number | null;
}
