/**
 * The state of a fleet as the planner sees it: a fold over its events, so that it can be rebuilt from the journal.
 * Pure: an event in, a new state out.
 */
import type { FleetId, InstanceId, ReleaseNumber } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import { NO_UPKEEP, type Upkeep } from '../domain/upkeep.ts';
import { foldAlarm, type RaisedAlarms } from './alarm-state.ts';
import type { Cause, FleetEvent, Outcome, Warm } from './events.ts';
import type { Arm, Verdict } from './judge/judge.ts';
import { withSamples, type Samples } from './judge/samples.ts';
import { bar, begin, end, NO_TASKS, pruned, settled, type TaskState } from './task-state.ts';

type CanaryEvent = Extract<FleetEvent, { kind: `canary.${string}` }>;

/** `advancing`: to the release asked for. `restoring`: back to one that served. `attention`: restoring, past its deadline. */
export type Phase = 'advancing' | 'restoring' | 'attention';

export interface Rollout {
  /** The seq of the entry that started it. */
  readonly id: number;
  readonly from: ReleaseNumber | null;
  readonly to: ReleaseNumber | null;
  readonly cause: Cause;
  readonly reason: string;
  /** The release that a person asked for: what this is the rollout to, or the way back from. */
  readonly asked: ReleaseNumber | null;
  readonly phase: Phase;
  readonly startedAt: number;
  readonly imageReady: boolean;
  /**
   * When it last made progress, and how far it had come. `failures`: of its group until then; null: nobody has looked yet,
   * and what failed before the rollout began is not its fault.
   */
  readonly progress: { readonly at: number; readonly ready: number; readonly size: number; readonly failures: number | null };
  readonly pausedAt: number | null;
  readonly canary: CanaryProgress;
  /** Of a rolling rollout: how many have passed, and since when it stands at the next; null: it is on its way there. */
  readonly checkpoints: { readonly passed: number; readonly reachedAt: number | null };
  readonly alarms: RaisedAlarms;
}

/** How far a canary has come. Nothing of it matters to other strategies. */
export interface CanaryProgress {
  /** The present step; the number of steps: on its way to all traffic. */
  readonly step: number;
  /** Since the step's share is in force, and what both arms had answered by then; null before. */
  readonly window: { readonly at: number; readonly settled: boolean; readonly canary: Arm; readonly baseline: Arm } | null;
  /** What was measured of it since then, and what could not be read when it was last tried, and why. */
  readonly samples: Samples;
  readonly unreadable: Readonly<Record<string, string>>;
  /** Looks at this step so far, not counting the last, and how many requests the canary had answered at the newest of them. */
  readonly looks: number;
  readonly lookedAt: number;
  /** The newest verdict, and whether it was the step's last. */
  readonly judged: { readonly verdict: Verdict; readonly last: boolean } | null;
}

const stepAt = (step: number): CanaryProgress => ({
  step,
  window: null,
  samples: {},
  unreadable: {},
  looks: 0,
  lookedAt: 0,
  judged: null,
});

/** How the last rollout ended. */
export interface Ended {
  readonly rollout: number;
  readonly to: ReleaseNumber | null;
  /** The release that a person asked for. */
  readonly asked: ReleaseNumber | null;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly at: number;
}

export interface Experiment extends Omit<Extract<FleetEvent, { kind: 'chaos.begun' }>, 'kind'> {
  /** The seq of its begin. */
  readonly id: number;
  readonly at: number;
}

/** Fewest and most instances that a person may scale to. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

export interface FleetState extends TaskState {
  readonly fleet: FleetId;
  /** The seq of the last event folded: what a plan is based on. */
  readonly seq: number;
  /** Release n is at n - 1. */
  readonly releases: readonly Release[];
  /** How many instances are wanted. */
  readonly size: number;
  readonly bounds: Bounds | null;
  /** When the size was last set. */
  readonly sizedAt: number;
  readonly upkeep: Upkeep;
  /** A person has set the size, and it does not follow the load: until then, or (null) until it is given back. */
  readonly held: { readonly until: number | null } | null;
  /** The instance that is being replaced for its age, and since when; and before when no other is. */
  readonly recycled: { readonly instance: InstanceId; readonly at: number } | null;
  readonly recycleAfter: number;
  /** An experiment that is under way. */
  readonly experiment: Experiment | null;
  /** The release that the last finished rollout put in place. */
  readonly serving: ReleaseNumber | null;
  /** The releases that served before it, oldest first: where rollbacks go. */
  readonly trail: readonly ReleaseNumber[];
  readonly rollout: Rollout | null;
  readonly warm: readonly Warm[];
  readonly ended: Ended | null;
  /** `stopped`: by a person, who will start it again. */
  readonly life: 'active' | 'stopped' | 'retiring' | 'retired';
  /** Since when it is stopped, or being removed. */
  readonly downSince: number | null;
}

export const emptyFleet = (fleet: FleetId): FleetState => ({
  ...NO_TASKS,
  fleet,
  seq: 0,
  releases: [],
  size: 0,
  bounds: null,
  sizedAt: 0,
  upkeep: NO_UPKEEP,
  held: null,
  recycled: null,
  recycleAfter: 0,
  experiment: null,
  serving: null,
  trail: [],
  rollout: null,
  warm: [],
  ended: null,
  life: 'active',
  downSince: null,
});

/** Throws nothing: an event that does not fit the state leaves it as it is. */
export function fold(state: FleetState, event: FleetEvent, seq: number, at: number): FleetState {
  const next = { ...state, seq };
  switch (event.kind) {
    case 'release.made':
      return {
        ...next,
        releases: [...state.releases, event.release],
        barred: bar(state.barred, event.release),
        life: 'active',
      };
    case 'size.set':
      return { ...next, size: event.size, sizedAt: at };
    case 'bounds.set':
      return { ...next, bounds: { min: event.min, max: event.max } };
    case 'upkeep.set':
      return upkept(next, event);
    case 'scaling.held':
      return { ...next, held: { until: event.until } };
    case 'scaling.resumed':
      return { ...next, held: null };
    case 'recycle.started':
      return { ...next, recycled: { instance: event.instance, at } };
    case 'recycle.ended':
      return { ...next, recycled: null, recycleAfter: event.nextAt ?? state.recycleAfter };
    case 'rollout.started':
      return {
        ...next,
        rollout: started(state, event, seq, at),
        tasks: pruned(state.tasks, state.rollout?.id, state.ended?.rollout),
        recycled: null,
        experiment: null,
      };
    case 'task.started':
      return begin(next, event, at);
    case 'task.ended':
      return taskEnded(next, event, at);
    case 'image.ready':
      return withRollout(next, { imageReady: true });
    case 'rollout.progress':
      return withRollout(next, { progress: { at, ready: event.ready, size: event.size, failures: event.failures } });
    case 'canary.stepped':
    case 'canary.judged':
    case 'canary.measured':
    case 'canary.passed':
      return canaryMoved(next, event, at);
    case 'alarm.raised':
    case 'alarm.cleared':
      return state.rollout === null ? next : withRollout(next, { alarms: foldAlarm(state.rollout.alarms, event, at) });
    case 'checkpoint.reached':
    case 'checkpoint.passed':
      return atCheckpoint(next, event, at);
    case 'rollout.paused':
      return withRollout(next, { pausedAt: at });
    case 'rollout.resumed':
      return resumed(next, at);
    case 'rollout.attention':
      // Whoever paused it has not come: a person is waited for all the same, and meanwhile it heals.
      return withRollout(next, { phase: 'attention', reason: event.reason, pausedAt: null });
    case 'rollout.finished':
      return finished(next, event.outcome, event.warm, at);
    case 'warm.expired':
      return { ...next, warm: state.warm.filter((warm) => warm.release !== event.release) };
    case 'fleet.stopped':
      return { ...next, life: 'stopped', downSince: at, recycled: null, experiment: null };
    case 'fleet.started':
      return startedAgain(next, at);
    case 'fleet.retiring':
      return { ...next, life: 'retiring', downSince: at, rollout: null, experiment: null, warm: [] };
    case 'fleet.retired':
      return { ...next, life: 'retired', downSince: null, serving: null, trail: [], ended: null };
    case 'chaos.begun': {
      const { kind: _kind, ...begun } = event;
      return { ...next, experiment: { ...begun, id: seq, at } };
    }
    case 'chaos.ended':
      return { ...next, experiment: null };
    case 'fleet.unattended':
      return postponed(next, event.ms);
  }
}

/** A size that follows nothing any more need not be held. */
function upkept(state: FleetState, { scale, maxAgeMs }: Upkeep): FleetState {
  return { ...state, upkeep: { scale, maxAgeMs }, held: scale === null ? null : state.held };
}

function started(
  { rollout }: FleetState,
  event: Extract<FleetEvent, { kind: 'rollout.started' }>,
  seq: number,
  at: number,
): Rollout {
  const isAsked = event.cause === 'deploy' || event.cause === 'rollback';
  return {
    id: seq,
    from: event.from,
    to: event.to,
    cause: event.cause,
    reason: event.reason,
    asked: isAsked ? event.to : (rollout?.asked ?? event.from),
    phase: event.cause === 'deploy' ? 'advancing' : 'restoring',
    startedAt: at,
    imageReady: false,
    progress: { at, ready: 0, size: 0, failures: null },
    pausedAt: null,
    canary: stepAt(0),
    checkpoints: { passed: 0, reachedAt: null },
    alarms: {},
  };
}

/** The time that a task took does not count against the deadline of the rollout. */
function taskEnded(state: FleetState, event: Extract<FleetEvent, { kind: 'task.ended' }>, at: number): FleetState {
  const { rollout } = state;
  const ended = end(state, event, state.releases[event.release - 1], at);
  return rollout?.id === event.rollout ? withRollout(ended, { progress: { ...rollout.progress, at } }) : ended;
}

function atCheckpoint(state: FleetState, event: Extract<FleetEvent, { kind: `checkpoint.${string}` }>, at: number): FleetState {
  if (state.rollout === null) return state;
  const { checkpoints, progress } = state.rollout;
  const moved =
    event.kind === 'checkpoint.reached' ? { ...checkpoints, reachedAt: at } : { passed: event.passed, reachedAt: null };
  return withRollout(state, { checkpoints: moved, progress: { ...progress, at } });
}

function canaryMoved(state: FleetState, event: CanaryEvent, at: number): FleetState {
  const { rollout } = state;
  if (rollout === null) return state;
  const progress = { ...rollout.progress, at };
  switch (event.kind) {
    case 'canary.stepped': {
      const { step, settled, canary, baseline } = event;
      return withRollout(state, { progress, canary: { ...stepAt(step), window: { at, settled, canary, baseline } } });
    }
    case 'canary.passed':
      return withRollout(state, { progress, canary: { ...stepAt(event.next), judged: rollout.canary.judged } });
    case 'canary.measured': {
      const { canary } = rollout;
      if (canary.step !== event.step || canary.window === null) return state;
      const samples = withSamples(canary.samples, event.samples);
      return withRollout(state, { canary: { ...canary, samples, unreadable: event.unreadable } });
    }
    case 'canary.judged': {
      const { early, verdict } = event;
      const judged = { verdict, last: early === null };
      const looked = early === null ? {} : { looks: early, lookedAt: verdict.canary.requests };
      return withRollout(state, { canary: { ...rollout.canary, ...looked, judged } });
    }
  }
}

const withRollout = (state: FleetState, change: Partial<Rollout>): FleetState =>
  state.rollout === null ? state : { ...state, rollout: { ...state.rollout, ...change } };

/** The deadlines begin anew: all of its instances do. */
function startedAgain(state: FleetState, at: number): FleetState {
  const active = { ...state, life: 'active', downSince: null } as const;
  if (state.rollout === null) return active;
  const { progress, ...rollout } = later(state.rollout, at - (state.downSince ?? at));
  return withRollout(active, { ...rollout, progress: { ...progress, at } });
}

/** The time spent paused does not count against the deadline. */
function resumed(state: FleetState, at: number): FleetState {
  const { rollout } = state;
  if (rollout === null || rollout.pausedAt === null) return state;
  return { ...state, rollout: { ...later(rollout, at - rollout.pausedAt), pausedAt: null } };
}

/** As if all of it had begun so much later. */
function later(rollout: Rollout, ms: number): Rollout {
  const { progress, canary, checkpoints, pausedAt } = rollout;
  const moved = (at: number | null): number | null => (at === null ? null : at + ms);
  const window = canary.window === null ? null : { ...canary.window, at: canary.window.at + ms };
  return {
    ...rollout,
    progress: { ...progress, at: progress.at + ms },
    canary: { ...canary, window },
    checkpoints: { ...checkpoints, reachedAt: moved(checkpoints.reachedAt) },
    pausedAt: moved(pausedAt),
  };
}

/** Time in which nobody looked after the fleet counts against no deadline. */
function postponed(state: FleetState, ms: number): FleetState {
  const { rollout, recycled, downSince, tasks } = state;
  return {
    ...state,
    rollout: rollout === null ? null : later(rollout, ms),
    recycled: recycled === null ? null : { ...recycled, at: recycled.at + ms },
    downSince: downSince === null ? null : downSince + ms,
    tasks: tasks.map((run) => (run.ended === null ? { ...run, startedAt: run.startedAt + ms } : run)),
  };
}

function finished(state: FleetState, outcome: Outcome, warm: readonly Warm[], at: number): FleetState {
  const { rollout } = state;
  if (rollout === null) return state;
  const { to, asked } = rollout;
  const ended = { rollout: rollout.id, to, asked, outcome, reason: rollout.reason, at };
  const noReturn = settled(state.noReturn, to);
  return { ...state, rollout: null, serving: to, trail: trailAfter(state, to), warm, ended, noReturn };
}

/** Going forward leaves a mark; going back to a mark drops the marks after it. */
function trailAfter(state: FleetState, to: ReleaseNumber | null): readonly ReleaseNumber[] {
  const marks = state.serving === null ? state.trail : [...state.trail, state.serving];
  const back = to === null ? -1 : marks.indexOf(to);
  return back === -1 ? marks : marks.slice(0, back);
}

/** A rollout whose next steps depend on what its groups answer. */
export function isJudged({ rollout, releases }: FleetState): boolean {
  if (rollout?.phase !== 'advancing' || rollout.to === null) return false;
  const strategy = releases[rollout.to - 1]?.content.replace.strategy;
  return strategy?.kind === 'canary' && rollout.canary.step < strategy.steps.length;
}

/** The release of that number. It exists: numbers come from the state itself. */
export function releaseOfState(state: FleetState, number: ReleaseNumber): Release {
  const release = state.releases[number - 1];
  if (release === undefined) throw new RangeError(`${state.fleet} has no release r${number}`);
  return release;
}
