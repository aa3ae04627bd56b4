/** The tasks of a rollout: which comes next at a point, what its end is, and what is left over of those that nobody waits for. Pure. */
import { groupId, jobId, type JobId } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import { titleOf, type Point, type Task } from '../domain/task.ts';
import type { JobObservation } from '../engines/engine.ts';
import type { FleetEvent, TaskResult } from './events.ts';
import type { Step } from './plan.ts';
import type { FleetState } from './state.ts';
import { isRequired, tasksOf, type TaskRun } from './task-state.ts';

/** A rollout whose tasks are asked for. */
interface Whose {
  readonly rollout: number;
  readonly release: Release;
}

const runOf = (state: FleetState, rollout: number, task: Task): TaskRun | null =>
  state.tasks.find((run) => run.rollout === rollout && run.task === task.name) ?? null;

const taskOf = (state: FleetState, run: TaskRun): Task | null =>
  tasksOf(state.releases[run.release - 1]).find(({ name }) => name === run.task) ?? null;

export const jobOf = (state: FleetState, run: Pick<TaskRun, 'release' | 'task'>): JobId =>
  jobId(groupId(state.fleet, run.release), run.task);

/** The first at the point that is not over; null: the point is behind. One that failed and has to pass stays the next. */
function nextTask(state: FleetState, { rollout, release }: Whose, at: Point): Task | null {
  return (
    tasksOf(release).find((task) => {
      const result = runOf(state, rollout, task)?.ended?.result;
      return task.at === at && (isRequired(task) ? result !== 'passed' : result === undefined);
    }) ?? null
  );
}

export const isPast = (state: FleetState, whose: Whose, at: Point): boolean => nextTask(state, whose, at) === null;

/** Who tries a test or webhook gives up by itself, and says why; that nobody does is found out a little later. */
const GIVING_UP_MS = 5_000;

/** When it has failed. */
export const deadlineOf = (startedAt: number, task: Task): number =>
  startedAt + task.deadlineMs + (task.kind === 'test' || task.kind === 'webhook' ? GIVING_UP_MS : 0);

/** A task of the rollout that is under way. */
export function taskUnderWay(state: FleetState, rollout: number): { readonly run: TaskRun; readonly task: Task } | null {
  const run = state.tasks.find((each) => each.rollout === rollout && each.ended === null);
  const task = run === undefined ? null : taskOf(state, run);
  return run === undefined || task === null ? null : { run, task };
}

/** Why the tasks of the rollout keep it from going on, now and for good; null: they don't. */
export function whyBarred(state: FleetState, rollout: number): string | null {
  for (const run of state.tasks) {
    const task = run.rollout === rollout ? taskOf(state, run) : null;
    if (task === null || run.ended === null || run.ended.result === 'passed' || !isRequired(task)) continue;
    return reasonOf(task, run.ended.result, run.ended.why);
  }
  return null;
}

function reasonOf(task: Task, result: Exclude<TaskResult, 'passed'>, why: string): string {
  if (task.kind === 'approval') return why;
  const title = `the ${titleOf(task)}`;
  if (result === 'failed') return `${title} failed: ${why}`;
  return result === 'unknown' ? `${title} was begun, and whether it passed is not known: ${why}` : `${title} was stopped: ${why}`;
}

export interface TaskWork {
  readonly events: readonly FleetEvent[];
  readonly steps: readonly Step[];
  /** Null: the point is behind. */
  readonly wait: {
    readonly what: string;
    /** Null: for another's end, as long as any rollout may stand still. */
    readonly until: number | null;
    /** The rollout does not go on without it. */
    readonly required: boolean;
  } | null;
}

const NOTHING: TaskWork = { events: [], steps: [], wait: null };

/** What the next task at the point needs: to be started, and then to be kept going until its end is recorded. */
export function taskWork(state: FleetState, whose: Whose, at: Point, jobs: readonly JobObservation[], now: number): TaskWork {
  const task = nextTask(state, whose, at);
  if (task === null) return NOTHING;
  const run = runOf(state, whose.rollout, task);
  if (run?.ended != null) return NOTHING;
  const names = { rollout: whose.rollout, release: whose.release.number, task: task.name };
  const own = jobOf(state, names);
  const other = task.kind === 'job' ? jobs.find((job) => job.id !== own && !isOver(job)) : undefined;
  if (other !== undefined) return { ...NOTHING, wait: { what: `${other.id} to stop`, until: null, required: true } };
  const until = deadlineOf(run?.startedAt ?? now, task);
  const wait = { what: waitText(task, whose.release), until, required: isRequired(task) };
  return {
    events: run === null ? [{ kind: 'task.started', ...names }] : [],
    steps: stepsFor(task, names, jobs.find(({ id }) => id === own)?.status ?? 'made'),
    wait,
  };
}

const isOver = ({ status }: JobObservation): boolean => status !== 'made' && status !== 'running';

type Names = Pick<TaskRun, 'rollout' | 'release' | 'task'>;

function stepsFor(task: Task, { rollout, release, task: name }: Names, status: JobObservation['status']): readonly Step[] {
  switch (task.kind) {
    case 'approval':
      return [];
    case 'job':
      return status === 'made' ? [{ kind: 'start-job', release, task: name }] : [];
    case 'test':
    case 'webhook':
      return [{ kind: 'run-task', rollout, release, task: name }];
  }
}

function waitText(task: Task, { number }: Release): string {
  if (task.kind !== 'approval') return titleOf(task);
  return task.at === 'before' ? `somebody to approve r${number}` : `somebody to approve r${number} before it gets traffic`;
}

/** Somebody still waits for its end. */
function isWanted({ life, rollout, ended }: FleetState, run: TaskRun, task: Task): boolean {
  if (task.at === 'after') return ended?.rollout === run.rollout && (life === 'active' || life === 'stopped');
  return life === 'active' && rollout?.id === run.rollout && rollout.phase === 'advancing';
}

/** Whether the task was started, is not over, and is still waited for. */
export const isUnderWay = (state: FleetState, rollout: number, name: string): boolean =>
  state.tasks.some((run) => {
    const task = run.rollout === rollout && run.task === name && run.ended === null ? taskOf(state, run) : null;
    return task !== null && isWanted(state, run, task);
  });

/** The ends of tasks that are under way: as their jobs ended, at their deadlines, or because nobody waits for them. */
export function taskEndings(state: FleetState, jobs: readonly JobObservation[], now: number): readonly FleetEvent[] {
  return state.tasks.flatMap((run) => {
    const task = taskOf(state, run);
    if (run.ended !== null || task === null) return [];
    const ending = endingOf(state, run, task, jobs, now);
    return ending === null ? [] : [{ kind: 'task.ended', rollout: run.rollout, release: run.release, task: run.task, ...ending }];
  });
}

interface Ending {
  readonly result: TaskResult;
  readonly why: string;
}

function endingOf(state: FleetState, run: TaskRun, task: Task, jobs: readonly JobObservation[], now: number): Ending | null {
  if (!isWanted(state, run, task)) return { result: 'stopped', why: whyUnwanted(state) };
  const job = task.kind === 'job' ? jobs.find(({ id }) => id === jobOf(state, run)) : undefined;
  if (job?.status === 'passed' || job?.status === 'failed') return { result: job.status, why: job.detail };
  if (job?.status === 'lost') return { result: 'unknown', why: job.detail };
  return now < deadlineOf(run.startedAt, task) ? null : { result: 'failed', why: whyLate(task) };
}

function whyUnwanted({ life, rollout }: FleetState): string {
  if (life !== 'active') return `the fleet was ${life}`;
  return rollout === null ? 'the rollout was over' : rollout.reason;
}

const whyLate = (task: Task): string =>
  task.kind === 'approval'
    ? `nobody approved it within ${lasting(task.deadlineMs)}`
    : `not over after ${lasting(task.deadlineMs)}`;

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
] as const;

/** In the largest unit that it is a whole number of. */
export function lasting(ms: number): string {
  const unit = UNITS.find(([size]) => ms >= size && ms % size === 0);
  return unit === undefined ? `${ms} ms` : `${ms / unit[0]} ${unit[1]}`;
}

/** Jobs that are there and whose end is recorded, or was never waited for. */
export function jobsToEnd(state: FleetState, jobs: readonly JobObservation[]): readonly JobId[] {
  const kept = new Set(state.tasks.filter((run) => run.ended === null).map((run) => jobOf(state, run)));
  return jobs.map(({ id }) => id).filter((id) => !kept.has(id));
}

/** When tasks that are under way have failed. */
export const deadlinesOf = (state: FleetState): readonly number[] =>
  state.tasks.flatMap((run) => {
    const task = run.ended === null ? taskOf(state, run) : null;
    return task === null ? [] : [deadlineOf(run.startedAt, task)];
  });
