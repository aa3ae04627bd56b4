/** What a strategy decides from: the state and the observation, put in its own words. Pure. */
import { groupId, releaseOf, type GroupId, type InstanceId, type ReleaseNumber } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import type { Revoked } from '../domain/revocation.ts';
import type { Point } from '../domain/task.ts';
import type { Measurement } from '../domain/upkeep.ts';
import type {
  CanaryRule,
  FleetObservation,
  GroupMetrics,
  GroupObservation,
  JobObservation,
  Member,
  Traffic,
  Weights,
} from '../engines/engine.ts';
import type { Wait } from './plan.ts';
import { releaseOfState, type FleetState, type Rollout } from './state.ts';
import { isPast as tasksPassed } from './tasks.ts';
import { trafficOf } from './traffic.ts';
import type { FleetEvent, Warm } from './events.ts';

export interface GroupView {
  readonly group: GroupId;
  readonly release: ReleaseNumber;
  readonly size: number;
  readonly running: number;
  readonly healthy: number;
  /** Healthy for at least its release's warm-up. */
  readonly ready: number;
  /** Ready, and healthy for as long as it takes to be probed once more: one that dies at its start is none. */
  readonly steady: number;
  readonly failures: number;
  readonly lastFailure: string | null;
  /** When the next of those that are healthy will be ready, or steady. */
  readonly nextReadyAt: number | null;
  /** Its share of the traffic in basis points, as the load balancer has acknowledged it. */
  readonly weight: number;
  readonly deleting: boolean;
  /** While the brake holds: when the next launch is allowed. */
  readonly brakedUntil: number | null;
  readonly members: readonly Member[];
}

/** Its traffic is what the load balancer has acknowledged. */
export interface World extends Traffic {
  /** The traffic is as it was last asked for. */
  readonly settled: boolean;
  readonly state: FleetState;
  readonly now: number;
  /** The wanted number of instances. */
  readonly size: number;
  /** Images that may not start now. */
  readonly revoked: Revoked;
  /** What the engine could not do. */
  readonly trouble: string | null;
  /** Every group that exists, and every job. */
  readonly groups: readonly GroupView[];
  readonly jobs: readonly JobObservation[];
  /** What each group has answered so far; null where nobody asked, or the load balancer could not be read. */
  readonly metrics: readonly GroupMetrics[] | null;
}

export interface RolloutWorld extends World {
  readonly rollout: Rollout;
  readonly release: Release;
  readonly target: GroupView;
  /** The group to go back to; not there on a first deploy, or where it has been deleted. */
  readonly from: GroupView | null;
  /** All groups but the target's. */
  readonly others: readonly GroupView[];
}

/** What a strategy wants next. Groups that `sizes` does not name are deleted. */
export interface Goal {
  readonly sizes: ReadonlyMap<GroupId, number>;
  /** Null leaves the traffic as it is, with what a canary under way has besides. */
  readonly weights: Weights | null;
  /** Beside the weights. Absent: nothing. */
  readonly canary?: CanaryRule | null;
  readonly preview: GroupId | null;
  readonly waits: readonly Wait[];
  /** Where it has come to: the tasks there that have not passed are started, and their wait takes the place of `waits`. */
  readonly at?: 'before' | 'traffic';
  /** Recorded before anything is done. */
  readonly events?: readonly FleetEvent[];
  /** Recorded once the world is as wanted. */
  readonly done: FleetEvent | null;
  /** This one goes, and its group is left with that size. */
  readonly retire?: { readonly instance: InstanceId; readonly size: number; readonly why: string };
}

/** The ways back whose windows have not passed. What was revoked is none (law 1): it goes at once. */
export const covered = ({ state, now, revoked }: World): readonly Warm[] =>
  state.warm.filter(({ release, until }) => until > now && revoked(releaseOfState(state, release).content.image) === null);

/** What the planner knows besides the fleet's own state and what was observed of it. */
export interface Facts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly revoked: Revoked;
  /** For a rollout that is judged (`isJudged`); null where there are none. */
  readonly metrics: readonly GroupMetrics[] | null;
  /** For a fleet whose size follows its load; null where nothing was measured. */
  readonly load: readonly Measurement[] | null;
}

export function worldOf(state: FleetState, observed: FleetObservation, { now, revoked, metrics }: Facts): World {
  const groups = observed.groups.map((group) => viewOf(state, group, observed.weights, now));
  return {
    state,
    now,
    size: state.size,
    ...trafficOf(observed),
    settled: observed.settled,
    revoked,
    trouble: observed.trouble,
    groups,
    jobs: observed.jobs,
    metrics,
  };
}

function viewOf(state: FleetState, seen: GroupObservation, weights: Weights, now: number): GroupView {
  const release = releaseOf(seen.group);
  const { ready: readyMs, steady: steadyMs } = patienceOf(state.releases[release - 1]);
  const healthyFor = (ms: number): number => seen.healthySince.filter((since) => now - since >= ms).length;
  const times = seen.healthySince.flatMap((since) => [since + readyMs, since + steadyMs]).filter((at) => at > now);
  return {
    group: seen.group,
    release,
    size: seen.size,
    running: seen.running,
    healthy: seen.healthySince.length,
    ready: healthyFor(readyMs),
    steady: healthyFor(steadyMs),
    failures: seen.failures,
    lastFailure: seen.lastFailure,
    nextReadyAt: times.length === 0 ? null : Math.min(...times),
    weight: weights[seen.group] ?? 0,
    deleting: seen.deleting,
    brakedUntil: seen.brakedUntil,
    members: seen.members,
  };
}

/** For how long an instance must have been healthy. No probe interval is longer than half of the time that the rollout has. */
function patienceOf(release: Release | undefined): { readonly ready: number; readonly steady: number } {
  if (release === undefined) return { ready: 0, steady: 0 };
  const { replace, health } = release.content;
  return { ready: replace.warmUpMs, steady: Math.max(replace.warmUpMs, Math.min(health.everyMs, replace.deadlineMs / 2)) };
}

/** The world of a rollout to a release (not of one back to an empty fleet). */
export function rolloutWorld(world: World, rollout: Rollout, to: ReleaseNumber): RolloutWorld {
  const group = groupId(world.state.fleet, to);
  const target = world.groups.find((view) => view.group === group) ?? absent(group, to);
  const others = world.groups.filter((view) => view.group !== group);
  const from = others.find((view) => view.release === rollout.from) ?? null;
  return { ...world, rollout, release: releaseOfState(world.state, to), target, others, from };
}

/** The tasks there have passed, or there are none. A way back asks for none: what it leads to has served. */
export const isPast = ({ state, rollout, release }: RolloutWorld, at: Point): boolean =>
  rollout.cause !== 'deploy' || tasksPassed(state, { rollout: rollout.id, release }, at);

/** The new group is on the preview address, where there is one, until its tasks before traffic have passed. */
export const previewed = (world: RolloutWorld): GroupId | null =>
  world.release.content.routing.preview === null || isPast(world, 'traffic') ? null : world.target.group;

const absent = (group: GroupId, release: ReleaseNumber): GroupView => ({
  group,
  release,
  size: 0,
  running: 0,
  healthy: 0,
  ready: 0,
  steady: 0,
  failures: 0,
  lastFailure: null,
  nextReadyAt: null,
  weight: 0,
  deleting: false,
  brakedUntil: null,
  members: [],
});

/** How many can take traffic. A group joins with what is warm; one that has traffic keeps it while a replacement warms up. */
export const serves = (view: GroupView): number => (view.weight > 0 ? view.healthy : view.ready);

/** What a group can keep: its size, or more where a shrinking that was asked for has not happened and is not wanted now. */
export const standing = (view: GroupView): number => Math.max(view.size, view.healthy);

/** All of the traffic in proportion to the counts, exact to the basis point; null where there is nothing to share. */
export function share(counts: ReadonlyMap<GroupId, number>): Weights | null {
  const entries = [...counts].filter(([, count]) => count > 0);
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  let left = 10_000;
  const weights = entries.map(([group, count], index) => {
    const weight = index === entries.length - 1 ? left : Math.floor((10_000 * count) / total);
    left -= weight;
    return [group, weight] as const;
  });
  return Object.fromEntries(weights);
}

export const allTo = (group: GroupId): Weights => ({ [group]: 10_000 });
