/**
 * What can happen to a fleet. Events are journal entries whose kind is the event's `kind` and whose data is the rest;
 * all state is a fold over them (state.ts for the fleet planner, kept-state.ts for the keeper).
 */
import type { GroupId, InstanceId, ReleaseNumber } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import type { ScaleTarget, Upkeep } from '../domain/upkeep.ts';
import type { CanaryRule, Weights } from '../engines/engine.ts';
import type { Arm, Verdict } from './judge/judge.ts';
import type { Sample } from './judge/samples.ts';

/**
 * Why a rollout runs. `deploy` and `rollback` were asked for: when they fail, the fleet goes back to where it was.
 * `failure` and `abort` are that way back: when they fail, a person is needed.
 */
export type Cause = 'deploy' | 'rollback' | 'failure' | 'abort';

/** `done`: the release asked for serves. `rolled-back`: it failed or was aborted, the former one serves. */
export type Outcome = 'done' | 'rolled-back';

/** `unknown`: it was begun, and how it ended cannot be known. `stopped`: its rollout was over before it was. */
export type TaskResult = 'passed' | 'failed' | 'unknown' | 'stopped';

/** A group that is kept after its successor took over, so that the way back is open. */
export interface Warm {
  readonly release: ReleaseNumber;
  readonly size: number;
  /** When its retention window has passed, ms since the epoch. */
  readonly until: number;
}

/** What a size was set for: `total` of all instances together, where each is to have `each`, when there were `from`. */
export interface LoadEvidence {
  readonly kind: ScaleTarget['kind'];
  readonly each: number;
  readonly total: number;
  readonly from: number;
}

export type FleetEvent =
  | { readonly kind: 'release.made'; readonly release: Release }
  /** `load`: by itself, and for what; absent: somebody said so. */
  | { readonly kind: 'size.set'; readonly size: number; readonly load?: LoadEvidence }
  /** What `scale` may ask for. */
  | { readonly kind: 'bounds.set'; readonly min: number; readonly max: number }
  | ({ readonly kind: 'upkeep.set' } & Upkeep)
  /** The size stays as a person set it, until then or until it is given back. */
  | { readonly kind: 'scaling.held'; readonly until: number | null }
  | { readonly kind: 'scaling.resumed' }
  /** An instance has reached its age: one more is launched, and then it goes. A rollout ends this, without a word. */
  | { readonly kind: 'recycle.started'; readonly instance: InstanceId; readonly ageMs: number }
  | {
      readonly kind: 'recycle.ended';
      readonly instance: InstanceId;
      readonly outcome: 'replaced' | 'gave-up';
      /** Before then no other is; null: at once. */
      readonly nextAt: number | null;
    }
  /** Supersedes whatever rollout there was. */
  | {
      readonly kind: 'rollout.started';
      readonly from: ReleaseNumber | null;
      /** Null: back to an empty fleet, where a first deploy failed. */
      readonly to: ReleaseNumber | null;
      readonly cause: Cause;
      readonly reason: string;
    }
  | { readonly kind: 'image.ready' }
  /** The target group grew, or more of it are ready: restarts the deadlines. `failures`: of the target group so far. */
  | { readonly kind: 'rollout.progress'; readonly ready: number; readonly size: number; readonly failures: number }
  /** The canary has the share of this step, and what both had answered by then; once more when it has `settled`: from there it is judged. */
  | {
      readonly kind: 'canary.stepped';
      readonly step: number;
      readonly settled: boolean;
      readonly canary: Arm;
      readonly baseline: Arm;
    }
  /** `early`: the how-manieth look before the step's last, from 1; null: the last. The verdict has its numbers with it. */
  | { readonly kind: 'canary.judged'; readonly step: number; readonly early: number | null; readonly verdict: Verdict }
  /** Numbers of one moment for the metrics that the step is judged by, and which of them could not be read, and why. */
  | {
      readonly kind: 'canary.measured';
      readonly step: number;
      readonly samples: Readonly<Record<string, Sample>>;
      readonly unreadable: Readonly<Record<string, string>>;
    }
  /** `standing`: it was so before anything of the release was launched. Otherwise it ends the rollout once it has held for long enough. */
  | { readonly kind: 'alarm.raised'; readonly name: string; readonly value: number; readonly standing: boolean }
  | { readonly kind: 'alarm.cleared'; readonly name: string }
  /** `next`: the step that comes; the number of steps: all traffic. */
  | { readonly kind: 'canary.passed'; readonly next: number; readonly why: 'held' | 'judged' | 'unsure' | 'error' | 'promoted' }
  /** Before anything of it is done. `rollout`: the one that it belongs to; of `after`, the one that has ended. */
  | { readonly kind: 'task.started'; readonly rollout: number; readonly release: ReleaseNumber; readonly task: string }
  | {
      readonly kind: 'task.ended';
      readonly rollout: number;
      readonly release: ReleaseNumber;
      readonly task: string;
      readonly result: TaskResult;
      /** For people: how it failed, who approved. */
      readonly why: string;
    }
  /** A rolling rollout stands at this checkpoint, from 1. */
  | { readonly kind: 'checkpoint.reached'; readonly number: number }
  /** So many are behind it. */
  | { readonly kind: 'checkpoint.passed'; readonly passed: number; readonly why: 'held' | 'promoted' }
  | { readonly kind: 'rollout.paused' }
  | { readonly kind: 'rollout.resumed' }
  /** The way back is not healthy either. Kiln goes on trying; a person is needed. */
  | { readonly kind: 'rollout.attention'; readonly reason: string }
  | { readonly kind: 'rollout.finished'; readonly outcome: Outcome; readonly warm: readonly Warm[] }
  | { readonly kind: 'warm.expired'; readonly release: ReleaseNumber }
  /** Nothing of it runs until it is started again; what it is stays as it was. */
  | { readonly kind: 'fleet.stopped' }
  | { readonly kind: 'fleet.started' }
  /** An experiment: these are killed now. `overruled`: what spoke against it, where somebody forced it. A rollout ends it, without a word. */
  | {
      readonly kind: 'chaos.begun';
      readonly victims: readonly InstanceId[];
      /** Null: named by a person. */
      readonly seed: number | null;
      readonly floor: number;
      readonly overruled: readonly string[];
      readonly by: string;
    }
  /** `id`: the seq of its begin. `spared`: nothing was killed in time. */
  | {
      readonly kind: 'chaos.ended';
      readonly id: number;
      readonly outcome: 'whole' | 'late' | 'spared';
      readonly killed: number;
      readonly tookMs: number;
    }
  /** For so long at least no daemon ran while deadlines of the fleet did: that time counts against none of them. */
  | { readonly kind: 'fleet.unattended'; readonly ms: number }
  | { readonly kind: 'fleet.retiring' }
  | { readonly kind: 'fleet.retired' };

/** What happens in the keeper's world, below the groups. */
export type KeeperEvent =
  | { readonly kind: 'group.sized'; readonly group: GroupId; readonly size: number }
  | { readonly kind: 'group.deleted'; readonly group: GroupId }
  | { readonly kind: 'group.gone'; readonly group: GroupId }
  | {
      readonly kind: 'traffic.set';
      readonly weights: Weights;
      readonly preview: GroupId | null;
      /** Absent in entries of before there were any. */
      readonly canary?: CanaryRule | null;
    }
  | { readonly kind: 'instance.retiring'; readonly instance: InstanceId; readonly why: string }
  /** The budgets of its drain are spent; from here on its connections are closed, so many as there are. */
  | { readonly kind: 'instance.evicting'; readonly instance: InstanceId; readonly sessions: number }
  /** Counted once for each instance: exited by itself, missed its deadline, turned unhealthy, or could not be launched. */
  | {
      readonly kind: 'instance.failed';
      readonly instance: InstanceId;
      readonly why: string;
      /** Absent in histories of earlier versions. */
      readonly launchedAt?: number;
    }
  /** In an experiment: its end is no failure. */
  | { readonly kind: 'instance.killed'; readonly instance: InstanceId; readonly why: string }
  /** The group has been well for long enough that its failures are forgiven. */
  | { readonly kind: 'group.recovered'; readonly group: GroupId }
  | { readonly kind: 'instance.removed'; readonly instance: InstanceId };
