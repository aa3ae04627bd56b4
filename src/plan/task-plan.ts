/** Tasks in a plan: those of the point that a rollout has come to, and what is always to be seen to, whatever else goes on. Pure. */
import type { JobId } from '../domain/ids.ts';
import type { Plan, Step, Wait } from './plan.ts';
import { releaseOfState } from './state.ts';
import { givesUpAt, wayOut } from './strategies/parts.ts';
import { deadlinesOf, jobsToEnd, taskEndings, taskWork, type TaskWork } from './tasks.ts';
import { rolloutWorld, type Goal, type RolloutWorld, type World } from './world.ts';

export interface PointWork extends Pick<TaskWork, 'events' | 'steps'> {
  /** Empty where the point is behind. */
  readonly waits: readonly Wait[];
}

const NO_WORK: PointWork = { events: [], steps: [], waits: [] };

/** Only a rollout to a new release comes to a point. */
export function workAt(world: World, { at }: Goal): PointWork {
  const { state, jobs, now } = world;
  const { rollout } = state;
  if (at === undefined || rollout?.phase !== 'advancing' || rollout.to === null) return NO_WORK;
  const release = releaseOfState(state, rollout.to);
  const { events, steps, wait } = taskWork(state, { rollout: rollout.id, release }, at, jobs, now);
  return { events, steps, waits: wait === null ? [] : [waitFor(wait, rolloutWorld(world, rollout, rollout.to))] };
}

function waitFor({ what, until, required }: NonNullable<TaskWork['wait']>, world: RolloutWorld): Wait {
  if (until === null) return { state: 'turn', what, until: givesUpAt(world), otherwise: wayOut(world) };
  return { state: 'task', what, until, otherwise: required ? wayOut(world) : 'goes on without it' };
}

/** Who asked to be told of the end of a rollout is told, whatever goes on by then. */
function workAfter({ state, jobs, now }: World): TaskWork | null {
  const { ended, life } = state;
  if (ended === null || ended.asked === null || life === 'retiring' || life === 'retired') return null;
  return taskWork(state, { rollout: ended.rollout, release: releaseOfState(state, ended.asked) }, 'after', jobs, now);
}

const told = (after: TaskWork | null): readonly Wait[] =>
  after?.wait == null
    ? []
    : [{ state: 'told', what: after.wait.what, until: after.wait.until, otherwise: 'is kept as failed, and that is all' }];

const toEnd = (job: JobId): Wait => ({ state: 'job-end', what: `${job} to end`, until: null, otherwise: 'Kiln goes on trying' });

/** The ends of tasks are recorded before anything else is done; jobs that nobody waits for are ended, and who is to be told is told, whatever of the rest can't be done. */
export function withTasks(world: World, plan: Plan): Plan {
  const { state, jobs, now } = world;
  const endings = taskEndings(state, jobs, now);
  const record = (event: (typeof endings)[number]): Step => ({ kind: 'record', event });
  if (endings.length > 0) return { ...plan, steps: endings.map(record) };
  const after = workAfter(world);
  const ending = jobsToEnd(state, jobs);
  const steps: readonly Step[] = [
    ...ending.map((job) => ({ kind: 'end-job', job }) as const),
    ...(after?.events ?? []).map(record),
    ...(after?.steps ?? []),
    ...plan.steps,
  ];
  const times = [plan.wakeAt, after?.wait?.until, ...deadlinesOf(state)].filter((time) => time != null && time > now);
  return {
    ...plan,
    steps,
    waits: [...plan.waits, ...ending.map(toEnd), ...told(after)],
    wakeAt: times.length === 0 ? null : Math.min(...(times as number[])),
  };
}
