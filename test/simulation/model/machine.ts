/** One modelled fleet under the real planner: a situation, and each way on from it. Pure. */
import type { GroupId } from '../../../src/domain/ids.ts';
import type { Answered, GroupMetrics } from '../../../src/engines/engine.ts';
import type { ReleaseContent } from '../../../src/domain/release.ts';
import type { Upkeep } from '../../../src/domain/upkeep.ts';
import { KilnError } from '../../../src/errors/error.ts';
import { beginChaos } from '../../../src/plan/chaos.ts';
import { decide, nextRelease, type Command } from '../../../src/plan/commands.ts';
import type { FleetEvent } from '../../../src/plan/events.ts';
import { lintPlan } from '../../../src/plan/lint.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type { reconcile } from '../../../src/plan/reconcile.ts';
import { emptyFleet, fold, type FleetState } from '../../../src/plan/state.ts';
import { jobOf } from '../../../src/plan/tasks.ts';
import { FLEET, releaseOf } from '../releases.ts';
import {
  EMPTY_PLACE,
  execute,
  keepUp,
  observationOf,
  withGroup,
  withInstances,
  type ModelInstance,
  type Place,
} from './place.ts';

export interface Situation {
  readonly state: FleetState;
  readonly place: Place;
  readonly now: number;
  /** Of the last look, at `now`: nothing of it is left to be done. */
  readonly plan: Plan;
}

/** What is deployed, one after the other, to a fleet of this size. */
export interface Subject {
  readonly contents: readonly ReleaseContent[];
  readonly sizes: readonly number[];
  readonly upkeep?: Upkeep;
  /** The load balancer's counts can be read: nobody has asked for anything yet. Absent: they can't. */
  readonly counts?: true;
  readonly planner: typeof reconcile;
}

export interface Move {
  readonly name: string;
  /** Null: nothing comes of it. */
  readonly to: (from: Situation) => Situation | null;
}

const START_MS = 1_000_000_000;
const never = (): null => null;
/** More looks than these in a row are a planner that does not come to rest. */
const MANY_LOOKS = 60;

export class Broken extends Error {}

/** The planner looks and acts until nothing is left to do. */
export function settled(subject: Subject, from: Omit<Situation, 'plan'>): Situation {
  let { state, place } = from;
  const { now } = from;
  for (let looks = 0; looks < MANY_LOOKS; looks++) {
    place = keepUp(place, state, now);
    const observed = observationOf(place);
    const plan = subject.planner(state, observed, { now, revoked: never, metrics: countsOf(subject, place), load: null });
    const [objection] = lintPlan(plan, state, observed, { now, revoked: never });
    if (objection !== undefined) throw new Broken(`the plan is refused: ${objection}`);
    const before = { state, place };
    for (const step of plan.steps) {
      if (step.kind === 'record') state = folded(state, [step.event], now);
      const after = execute(place, step);
      if (after === null) {
        place = { ...place, settled: false };
        break;
      }
      place = after;
    }
    const same = before.state === state && sameRest(before.place, keepUp(place, state, now));
    if (same) return { state, place: keepUp(place, state, now), now, plan };
  }
  throw new Broken('the planner does not come to rest');
}

const countsOf = ({ counts }: Subject, { groups }: Place): readonly GroupMetrics[] | null =>
  counts === undefined ? null : [...groups.keys()].map((group) => ({ group, ...NONE, safe: NONE, mirrored: NONE }));

const NONE: Answered = {
  requests: 0,
  status: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, failed: 0 },
  latencyMs: [],
};

const sameRest = (a: Place, b: Place): boolean =>
  JSON.stringify([...a.groups, ...a.jobs, a.traffic, a.settled]) ===
  JSON.stringify([...b.groups, ...b.jobs, b.traffic, b.settled]);

const folded = (state: FleetState, events: readonly FleetEvent[], now: number): FleetState =>
  events.reduce((each, event) => fold(each, event, each.seq + 1, now), state);

export function beginning(subject: Subject): Situation {
  const now = START_MS;
  const plan: Plan = { fleet: FLEET, basis: 0, steps: [], waits: [], wakeAt: null };
  return commanded(
    subject,
    { state: emptyFleet(FLEET), place: EMPTY_PLACE, now, plan },
    deployOf(subject, emptyFleet(FLEET)),
  ) as Situation;
}

function deployOf({ contents, sizes, upkeep }: Subject, state: FleetState): Command {
  const number = nextRelease(state);
  const content = contents[number - 1] as ReleaseContent;
  const size = state.releases.length === 0 ? (sizes[0] ?? 1) : state.size;
  return { kind: 'deploy', release: releaseOf(number, content), size, bounds: null, ...(upkeep === undefined ? {} : { upkeep }) };
}

/** Null where it is refused or changes nothing. */
/** What is waited for comes, one thing at a time, people do as they are asked, and where nothing is left to come, time passes. */
export function helped(subject: Subject, from: Situation): Situation | null {
  for (const { to } of good(subject)) {
    const next = to(from);
    if (next !== null) return next;
  }
  const asked: readonly Command[] = [{ kind: 'resume' }, { kind: 'approve', by: 'model' }, ...promotion(from)];
  for (const command of asked) {
    const next = commanded(subject, from, command);
    if (next !== null) return next;
  }
  return timePasses(subject).to(from);
}

const promotion = ({ plan }: Situation): readonly Command[] =>
  plan.waits.some(({ state }) => state === 'canary-promotion' || state === 'checkpoint-promotion')
    ? [{ kind: 'promote', past: 'step' }]
    : [];

export function commanded(subject: Subject, from: Situation, command: Command): Situation | null {
  try {
    const events = decide(from.state, command, never);
    return events.length === 0 ? null : settled(subject, { ...from, state: folded(from.state, events, from.now) });
  } catch (error) {
    if (error instanceof KilnError) return null;
    throw error;
  }
}

/** Nothing happens but time, until the planner wants to look again. */
export const timePasses = (subject: Subject): Move => ({
  name: 'time',
  to: (from) => (from.plan.wakeAt === null ? null : settled(subject, { ...from, now: from.plan.wakeAt })),
});

/** The next of what there is to be deployed. */
export const deployed = (subject: Subject, from: Situation): Situation | null =>
  from.state.releases.length < subject.contents.length ? commanded(subject, from, deployOf(subject, from.state)) : null;

/** By force: it may come at any time. */
function experimented(subject: Subject, from: Situation): Situation | null {
  const observed = observationOf(from.place);
  try {
    const { event } = beginChaos(from.state, observed, { kill: { count: 1 }, seed: 1, forced: true, by: 'model' });
    return settled(subject, { ...from, state: folded(from.state, [event], from.now) });
  } catch (error) {
    if (error instanceof KilnError) return null;
    throw error;
  }
}

export function movesOf(subject: Subject): readonly Move[] {
  const command = (name: string, given: (state: FleetState) => Command | null): Move => ({
    name,
    to: (from) => {
      const it = given(from.state);
      return it === null ? null : commanded(subject, from, it);
    },
  });
  return [
    timePasses(subject),
    { name: 'deploy', to: (from) => deployed(subject, from) },
    command('pause', () => ({ kind: 'pause' })),
    command('resume', () => ({ kind: 'resume' })),
    command('promote', () => ({ kind: 'promote', past: 'step' })),
    command('promote all', () => ({ kind: 'promote', past: 'all' })),
    command('approve', () => ({ kind: 'approve', by: 'model' })),
    command('abort', () => ({ kind: 'abort' })),
    command('abort past no return', () => ({ kind: 'abort', pastNoReturn: true })),
    command('rollback', () => ({ kind: 'rollback', to: null })),
    ...subject.sizes.map((size) => command(`scale ${size}`, () => ({ kind: 'scale', size }))),
    { name: 'chaos', to: (from) => experimented(subject, from) },
    command('stop', () => ({ kind: 'stop' })),
    command('start', () => ({ kind: 'start' })),
    command('retire', () => ({ kind: 'retire' })),
    ...good(subject),
    ...bad(subject),
  ];
}

/** A change of the place, or an event that it reports. */
type Change = (from: Situation) => { readonly place?: Place; readonly events?: readonly FleetEvent[] } | null;

const move = (subject: Subject, name: string, change: Change): Move => ({
  name,
  to: (from) => {
    const { place = from.place, events = [] } = change(from) ?? { place: null };
    return place === null ? null : settled(subject, { ...from, place, state: folded(from.state, events, from.now) });
  },
});

/** What is waited for, once it comes: of alike ones the first, since they are alike. */
function good(subject: Subject): readonly Move[] {
  return [
    move(subject, 'the image is ready', ({ state: { rollout } }) =>
      rollout === null || rollout.imageReady || rollout.to === null ? null : { events: [{ kind: 'image.ready' }] },
    ),
    move(subject, 'the load balancer is back', ({ place }) =>
      place.balancer === 'down' ? { place: { ...place, balancer: 'up', settled: false } } : null,
    ),
    move(subject, 'one leaves', ({ place }) =>
      one(
        place,
        ({ leaving }) => leaving,
        () => [],
      ),
    ),
    move(subject, 'a job is gone', ({ place }) => {
      const ending = [...place.jobs].find(([, status]) => status === 'ending');
      return ending === undefined
        ? null
        : { place: { ...place, jobs: new Map([...place.jobs].filter(([id]) => id !== ending[0])) } };
    }),
    move(subject, 'a task passes', taskEnds('passed')),
    ...[1, 2, 3].map((number) =>
      move(subject, `one of r${number} becomes healthy`, ({ place, now }) =>
        one(
          place,
          ({ healthySince, leaving }) => healthySince === null && !leaving,
          (each) => [{ ...each, healthySince: now }],
          number,
        ),
      ),
    ),
  ];
}

function bad(subject: Subject): readonly Move[] {
  return [
    move(subject, 'the load balancer dies', ({ place }) =>
      place.balancer === 'up' ? { place: { ...place, balancer: 'down', settled: false } } : null,
    ),
    move(subject, 'a task fails', taskEnds('failed')),
    ...[1, 2, 3].flatMap((number) => [
      move(subject, `one of r${number} ends`, ({ place }) => failing(place, number, ({ leaving }) => !leaving)),
    ]),
  ];
}

function taskEnds(result: 'passed' | 'failed'): Change {
  return ({ state, place }) => {
    const run = state.tasks.find(({ ended }) => ended === null);
    if (run === undefined) return null;
    const task = state.releases[run.release - 1]?.content.replace.tasks?.find(({ name }) => name === run.task);
    if (task === undefined || task.kind === 'approval') return null;
    if (task.kind === 'job' && place.jobs.get(jobOf(state, run)) !== 'running') return null;
    return { events: [{ kind: 'task.ended', rollout: run.rollout, release: run.release, task: run.task, result, why: '' }] };
  };
}

function one(
  place: Place,
  fits: (each: ModelInstance) => boolean,
  becomes: (each: ModelInstance) => readonly ModelInstance[],
  release: number | null = null,
): { readonly place: Place } | null {
  for (const [group, { instances }] of place.groups) {
    if (release !== null && !group.endsWith(`.r${release}`)) continue;
    const found = instances.find(fits);
    if (found !== undefined)
      return { place: withInstances(place, group, (all) => all.flatMap((each) => (each === found ? becomes(each) : [each]))) };
  }
  return null;
}

/** No more of them than a rollout is given up for: all the others would be the same. */
const MANY_FAILURES = 4;

function failing(place: Place, release: number, fits: (each: ModelInstance) => boolean): { readonly place: Place } | null {
  const gone = one(place, fits, () => [], release);
  const group = [...place.groups.keys()].find((each) => each.endsWith(`.r${release}`)) as GroupId;
  if (gone === null || (place.groups.get(group)?.failures ?? 0) >= MANY_FAILURES) return null;
  return { place: withGroup(gone.place, group, (before) => ({ ...before, failures: before.failures + 1 })) };
}
