/**
 * The state of a fleet as the planner sees it: a fold over its events, so that it can be rebuilt from the journal.
 * Pure: an event in, a new state out.
 */
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import type { Cause, FleetEvent, Outcome, Warm } from './events.ts';

/** `advancing`: to the release asked for. `restoring`: back to one that served. `attention`: restoring, past its deadline. */
export type Phase = 'advancing' | 'restoring' | 'attention';

export interface Rollout {
  /** The seq of the entry that started it. */
  readonly id: number;
  readonly from: ReleaseNumber | null;
  readonly to: ReleaseNumber | null;
  readonly cause: Cause;
  readonly reason: string;
  readonly phase: Phase;
  readonly startedAt: number;
  readonly imageReady: boolean;
  /** When it last made progress, and how far it had come. */
  readonly progress: { readonly at: number; readonly ready: number; readonly size: number; readonly failures: number };
  readonly pausedAt: number | null;
}

/** How the last rollout ended. */
export interface Ended {
  readonly rollout: number;
  readonly to: ReleaseNumber | null;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly at: number;
}

/** Fewest and most instances that a person may scale to. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

export interface FleetState {
  readonly fleet: FleetId;
  /** The seq of the last event folded: what a plan is based on. */
  readonly seq: number;
  /** Release n is at n - 1. */
  readonly releases: readonly Release[];
  /** How many instances are wanted. */
  readonly size: number;
  readonly bounds: Bounds | null;
  /** The release that the last finished rollout put in place. */
  readonly serving: ReleaseNumber | null;
  /** The releases that served before it, oldest first: where rollbacks go. */
  readonly trail: readonly ReleaseNumber[];
  readonly rollout: Rollout | null;
  readonly warm: readonly Warm[];
  readonly ended: Ended | null;
  /** `stopped`: by a person, who will start it again. */
  readonly life: 'active' | 'stopped' | 'retiring' | 'retired';
  readonly stoppedAt: number | null;
}

export const emptyFleet = (fleet: FleetId): FleetState => ({
  fleet,
  seq: 0,
  releases: [],
  size: 0,
  bounds: null,
  serving: null,
  trail: [],
  rollout: null,
  warm: [],
  ended: null,
  life: 'active',
  stoppedAt: null,
});

/** Throws nothing: an event that does not fit the state leaves it as it is. */
export function fold(state: FleetState, event: FleetEvent, seq: number, at: number): FleetState {
  const next = { ...state, seq };
  switch (event.kind) {
    case 'release.made':
      return { ...next, releases: [...state.releases, event.release], life: 'active' };
    case 'size.set':
      return { ...next, size: event.size };
    case 'bounds.set':
      return { ...next, bounds: { min: event.min, max: event.max } };
    case 'rollout.started':
      return { ...next, rollout: started(event, seq, at) };
    case 'image.ready':
      return withRollout(next, { imageReady: true });
    case 'rollout.progress':
      return withRollout(next, { progress: { at, ready: event.ready, size: event.size, failures: event.failures } });
    case 'rollout.paused':
      return withRollout(next, { pausedAt: at });
    case 'rollout.resumed':
      return resumed(next, at);
    case 'rollout.attention':
      return withRollout(next, { phase: 'attention', reason: event.reason });
    case 'rollout.finished':
      return finished(next, event.outcome, event.warm, at);
    case 'warm.expired':
      return { ...next, warm: state.warm.filter((warm) => warm.release !== event.release) };
    case 'fleet.stopped':
      return { ...next, life: 'stopped', stoppedAt: at };
    case 'fleet.started':
      return startedAgain(next, at);
    case 'fleet.retiring':
      return { ...next, life: 'retiring', rollout: null, warm: [] };
    case 'fleet.retired':
      return { ...next, life: 'retired', serving: null, trail: [], ended: null };
  }
}

function started(event: Extract<FleetEvent, { kind: 'rollout.started' }>, seq: number, at: number): Rollout {
  return {
    id: seq,
    from: event.from,
    to: event.to,
    cause: event.cause,
    reason: event.reason,
    phase: event.cause === 'deploy' ? 'advancing' : 'restoring',
    startedAt: at,
    imageReady: false,
    progress: { at, ready: 0, size: 0, failures: 0 },
    pausedAt: null,
  };
}

const withRollout = (state: FleetState, change: Partial<Rollout>): FleetState =>
  state.rollout === null ? state : { ...state, rollout: { ...state.rollout, ...change } };

/** The deadlines begin anew: all of its instances do. */
function startedAgain(state: FleetState, at: number): FleetState {
  const active = { ...state, life: 'active', stoppedAt: null } as const;
  return state.rollout === null ? active : withRollout(active, { progress: { ...state.rollout.progress, at } });
}

/** The time spent paused does not count against the deadline. */
function resumed(state: FleetState, at: number): FleetState {
  const { rollout } = state;
  if (rollout === null || rollout.pausedAt === null) return state;
  const progress = { ...rollout.progress, at: rollout.progress.at + (at - rollout.pausedAt) };
  return { ...state, rollout: { ...rollout, pausedAt: null, progress } };
}

function finished(state: FleetState, outcome: Outcome, warm: readonly Warm[], at: number): FleetState {
  const { rollout } = state;
  if (rollout === null) return state;
  const { to } = rollout;
  const ended = { rollout: rollout.id, to, outcome, reason: rollout.reason, at };
  return { ...state, rollout: null, serving: to, trail: trailAfter(state, to), warm, ended };
}

/** Going forward leaves a mark; going back to a mark drops the marks after it. */
function trailAfter(state: FleetState, to: ReleaseNumber | null): readonly ReleaseNumber[] {
  const marks = state.serving === null ? state.trail : [...state.trail, state.serving];
  const back = to === null ? -1 : marks.indexOf(to);
  return back === -1 ? marks : marks.slice(0, back);
}

/** The release of that number. It exists: numbers come from the state itself. */
export function releaseOfState(state: FleetState, number: ReleaseNumber): Release {
  const release = state.releases[number - 1];
  if (release === undefined) throw new RangeError(`${state.fleet} has no release r${number}`);
  return release;
}
