/**
 * The planner: the state, what was observed and which images are revoked in, the next safe steps out. Pure: no await, clock, randomness or I/O.
 * A pause, a crash, a new deploy and a rollback all take this one path.
 */
import type { GroupId } from '../domain/ids.ts';
import { releaseOf } from '../domain/ids.ts';
import type { CanaryRule, FleetObservation } from '../engines/engine.ts';
import { alarmTimes } from './alarms.ts';
import type { FleetEvent } from './events.ts';
import { failureOf } from './failure.ts';
import type { Plan, Step, Wait } from './plan.ts';
import type { FleetState, Rollout } from './state.ts';
import type { WaitingState } from './waiting.ts';
import { leavingDeadline, leavingWait } from './leaving.ts';
import { whyNoReturn } from './no-return.ts';
import { withExperiment } from './chaos.ts';
import { blueGreen } from './strategies/blue-green.ts';
import { canary } from './strategies/canary.ts';
import { finish, givesUpAt, wayOut } from './strategies/parts.ts';
import { hold } from './strategies/hold.ts';
import { recreate, writersFirst } from './strategies/recreate.ts';
import { restore } from './strategies/restore.ts';
import { rolling } from './strategies/rolling.ts';
import { steady } from './strategies/steady.ts';
import { nextDue, recycling } from './recycle.ts';
import { scaleOf } from './scale.ts';
import { workAt, withTasks } from './task-plan.ts';
import { sameTraffic } from './traffic.ts';
import { leaveRevoked } from './way-back.ts';
import {
  covered,
  isPast,
  rolloutWorld,
  standing,
  worldOf,
  type Facts,
  type Goal,
  type RolloutWorld,
  type World,
} from './world.ts';

export function reconcile(state: FleetState, observed: FleetObservation, facts: Facts): Plan {
  const world = worldOf(state, observed, facts);
  return withExperiment(world, withTasks(world, planFor(world, facts)));
}

function planFor(world: World, facts: Facts): Plan {
  const { state } = world;
  if (state.life === 'retired') return planOf(world, [], []);
  if (state.life === 'retiring') return retire(world);
  if (state.life === 'stopped') return stopped(world);
  const { rollout } = state;
  const scaled = scaleOf(world, facts.load)?.event ?? null;
  if (scaled !== null) return planOf(world, [record(scaled)], []);
  if (rollout === null) return rest(world);
  if (rollout.to === null) return empty(world, rollout);
  return roll(rolloutWorld(world, rollout, rollout.to));
}

/** No rollout. What serves is left by itself only where it was revoked and its release says so. */
function rest(world: World): Plan {
  const moved = leaveRevoked(world.state, world.revoked) ?? recycling(world);
  return moved === null ? settle(world, steady(world), expiries(world)) : planOf(world, [record(moved)], []);
}

function roll(world: RolloutWorld): Plan {
  const { rollout, release } = world;
  const failed = failureOf(world);
  if (failed !== null) return planOf(world, [record(failed)], []);
  if (!rollout.imageReady && world.target.running === 0) {
    const wait = waitOf(world, 'image', `the image of r${release.number} to be made ready`);
    return planOf(world, [...standFast(world), { kind: 'ensure-image', image: release.content.image }], [wait]);
  }
  if (rollout.pausedAt !== null) {
    return planOf(world, [], [waitOf(world, 'paused', 'paused: somebody to resume or abort')]);
  }
  const goal = neverSilent(world, goalOf(world));
  return settle(world, withWarm(world, goal), [...expiries(world), ...progressOf(world, goal), ...(goal.events ?? [])]);
}

const waitOf = (world: RolloutWorld, state: WaitingState, what: string): Wait => ({
  state,
  what,
  until: givesUpAt(world),
  otherwise: wayOut(world),
});

/** A rollout whose instances are as wanted and that is not done waits for the load balancer. */
function neverSilent(world: RolloutWorld, goal: Goal): Goal {
  const silent = goal.waits.length === 0 && goal.done === null;
  return silent ? { ...goal, waits: [waitOf(world, 'traffic', BALANCER.what)] } : goal;
}

/** Ways back that older windows still cover stay as they are, whatever goes on (law 5). */
function withWarm(world: World, goal: Goal): Goal {
  const ways = covered(world);
  const kept = world.groups.filter((view) => !goal.sizes.has(view.group) && ways.some(({ release }) => release === view.release));
  return { ...goal, sizes: new Map([...kept.map((view) => [view.group, view.size] as const), ...goal.sizes]) };
}

/** What a superseded rollout was about to shrink stays until this one has its say. */
const standFast = ({ others }: RolloutWorld): readonly Step[] =>
  others.filter((view) => view.weight > 0 && standing(view) > view.size).map((view) => sized([view.group, standing(view)]));

/** What comes before the strategy has its say, and where it has had it. */
function goalOf(world: RolloutWorld): Goal {
  const isHeld = world.rollout.phase === 'attention' && world.rollout.cause === 'deploy';
  if (isHeld) return { ...hold(world), waits: [forPerson(world)] };
  const isEarly = !isPast(world, 'before') && !(writersFirst(world) && mustRecreate(world));
  return isEarly ? { ...hold(world), waits: [], at: 'before' } : strategyOf(world);
}

/** The way on has failed, and the way back is closed. */
const forPerson = ({ rollout, state }: RolloutWorld): Wait => ({
  state: 'person',
  what: `somebody to deploy what works (${whyNoReturn(state, rollout.from) ?? rollout.reason})`,
  until: null,
  otherwise: 'Kiln holds everything as it is',
});

/** One small file each in strategies/; the way back has its own unless only one instance may live at a time. */
function strategyOf(world: RolloutWorld): Goal {
  const { strategy } = world.release.content.replace;
  const back = world.rollout.phase !== 'advancing';
  if (back)
    return mustRecreate(world) ? recreate(world, world.rollout.cause === 'rollback' ? 'done' : 'rolled-back') : restore(world);
  switch (strategy.kind) {
    case 'rolling':
      return mustRecreate(world) ? recreate(world, 'done') : rolling(world, strategy);
    case 'blue-green':
      return mustRecreate(world) ? recreate(world, 'done') : blueGreen(world);
    case 'canary':
      return mustRecreate(world) ? recreate(world, 'done') : canary(world, strategy);
    case 'recreate':
      return recreate(world, 'done');
  }
}

/** Whatever the new release says, what runs now or is the way back may hold a volume that only one may write. */
const mustRecreate = ({ state, target, from, others }: RolloutWorld): boolean =>
  [target, ...others.filter((view) => view === from || view.running > 0 || view.size > 0)].some((view) => {
    const content = state.releases[view.release - 1]?.content;
    return (
      content !== undefined &&
      (content.replace.strategy.kind === 'recreate' || content.launch.volumes.some((v) => v.singleWriter))
    );
  });

/** Growth and readiness restart the deadlines, so that a slow rollout that moves is not a stuck one. */
function progressOf({ rollout, target }: RolloutWorld, goal: Goal): readonly FleetEvent[] {
  const size = Math.max(rollout.progress.size, goal.sizes.get(target.group) ?? 0);
  const ready = Math.max(rollout.progress.ready, target.ready);
  const looked = rollout.progress.failures !== null;
  if (looked && size === rollout.progress.size && ready === rollout.progress.ready) return [];
  return [{ kind: 'rollout.progress', ready, size, failures: target.failures }];
}

function expiries(world: World): readonly FleetEvent[] {
  const ways = covered(world);
  return world.state.warm.filter((warm) => !ways.includes(warm)).map(({ release }) => ({ kind: 'warm.expired', release }));
}

/** A first deploy that failed: there is nothing to go back to but the empty fleet, which listens nowhere. */
function empty(world: World, { phase, progress, reason }: Rollout): Plan {
  const waits = leavingWait(world, { state: 'emptying', since: progress.at });
  if (phase !== 'attention' && world.now >= leavingDeadline(world, progress.at)) {
    return planOf(world, [record({ kind: 'rollout.attention', reason: `${reason}; what is left of it does not end` })], []);
  }
  if (isEmpty(world)) return planOf(world, [{ kind: 'forget-fleet' }, record(finish('rolled-back', []))], waits);
  return settle(world, { ...NOTHING, weights: {}, waits }, []);
}

/** Everything drained and down; the groups stay, with their places in the state, to come back as they were. */
function stopped(world: World): Plan {
  const sizes = new Map(world.groups.filter((view) => !view.deleting).map((view) => [view.group, 0] as const));
  const waits = leavingWait(world, { state: 'stopping', since: world.state.downSince ?? world.now, stays: true });
  return settle(world, { ...NOTHING, sizes, weights: {}, waits }, []);
}

function retire(world: World): Plan {
  const waits = leavingWait(world, { state: 'removing', since: world.state.downSince ?? world.now });
  if (!isEmpty(world)) return settle(world, { ...NOTHING, weights: {}, waits }, []);
  return planOf(world, [{ kind: 'forget-fleet' }, record({ kind: 'fleet.retired' })], waits);
}

const isEmpty = ({ groups, jobs }: World): boolean => groups.length === 0 && jobs.length === 0;

const NOTHING: Goal = { sizes: new Map(), weights: null, preview: null, waits: [], done: null };

/** From what is wanted to steps, in the one safe order: grow, move the traffic, shrink, delete, record. */
function settle(world: World, goal: Goal, events: readonly FleetEvent[]): Plan {
  const resized = [...goal.sizes].filter(([group, size]) => sizeOf(world, group) !== size);
  const grown = resized.filter(([group, size]) => size > (sizeOf(world, group) ?? -1));
  const shrunk = resized.filter(([group, size]) => size < (sizeOf(world, group) ?? -1));
  const deleted = world.groups.filter((view) => !goal.sizes.has(view.group) && !view.deleting).map((view) => view.group);
  const work = workAt(world, goal);
  const steps: readonly Step[] = [
    ...[...events, ...work.events].map(record),
    ...grown.map(sized),
    ...traffic(world, goal, deleted),
    ...(goal.retire === undefined ? [] : [{ kind: 'retire-instance', ...goal.retire } as const]),
    ...shrunk.map(sized),
    ...deleted.map((group) => ({ kind: 'delete-group', group }) as const),
    ...work.steps,
    ...(goal.done === null ? [] : [record(goal.done)]),
  ];
  const waits = work.waits.length > 0 ? work.waits : goal.waits;
  const silent = waits.length === 0 && steps.some(({ kind }) => kind === 'set-traffic');
  return planOf(world, steps, silent ? [BALANCER] : waits);
}

/** Of a fleet at rest, whose load balancer is away. */
const BALANCER: Wait = {
  state: 'traffic',
  what: 'the load balancer to do what it was told',
  until: null,
  otherwise: 'Kiln goes on trying',
};

const sizeOf = (world: World, group: GroupId): number | undefined => world.groups.find((view) => view.group === group)?.size;

const record = (event: FleetEvent): Step => ({ kind: 'record', event });

const sized = ([group, size]: readonly [GroupId, number]): Step => ({
  kind: 'ensure-group',
  group,
  release: releaseOf(group),
  size,
});

/** A group that is about to be deleted must have lost its traffic first, whatever the strategy left as it is. */
function traffic(world: World, goal: Goal, deleted: readonly GroupId[]): readonly Step[] {
  const kept = Object.entries(world.weights).filter(([group]) => !deleted.includes(group as GroupId));
  const weights = goal.weights ?? Object.fromEntries(kept);
  const canary = goal.weights === null ? standingRule(world) : (goal.canary ?? null);
  const wanted = { weights, preview: goal.preview, canary };
  return world.settled && sameTraffic(wanted, world) ? [] : [{ kind: 'set-traffic', ...wanted }];
}

/** What a canary gets by rule stays only for as long as it is the one under way. */
function standingRule({ canary, state: { rollout } }: World): CanaryRule | null {
  return canary !== null && rollout?.phase === 'advancing' && rollout.to === releaseOf(canary.group) ? canary : null;
}

function planOf(world: World, steps: readonly Step[], waits: readonly Wait[]): Plan {
  return { fleet: world.state.fleet, basis: world.state.seq, steps, waits, wakeAt: wakeAt(world, waits) };
}

function wakeAt(world: World, waits: readonly Wait[]): number | null {
  const times = [
    ...waits.map((wait) => wait.until),
    ...world.groups.map((view) => view.nextReadyAt),
    ...world.state.warm.map((warm) => warm.until),
    ...alarmTimes(world.state),
    nextDue(world),
  ].filter((time) => time !== null && time > world.now);
  return times.length === 0 ? null : Math.min(...(times as number[]));
}
