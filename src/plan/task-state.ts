/** What of a fleet's state its tasks make: a fold over their events. Pure. */
import type { ReleaseNumber } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import type { Point, Task } from '../domain/task.ts';
import type { FleetEvent, TaskResult } from './events.ts';

/** One task of one rollout. */
export interface TaskRun {
  readonly rollout: number;
  readonly release: ReleaseNumber;
  /** Its name. */
  readonly task: string;
  readonly startedAt: number;
  /** Null: it is under way. */
  readonly ended: { readonly at: number; readonly result: TaskResult; readonly why: string } | null;
}

/** A release that may not be launched, or not have traffic, because tasks before that have not passed. */
export interface Barred {
  readonly release: ReleaseNumber;
  readonly from: 'launch' | 'traffic';
}

/** A job has passed after which nothing older may serve again. */
export interface NoReturn {
  /** Whose job it was, and why, for people. */
  readonly release: ReleaseNumber;
  readonly why: string;
  /** Releases with a lower number are past. */
  readonly before: ReleaseNumber;
}

export interface TaskState {
  /** Of the present rollout, of the one before it, and of the one that ended last. */
  readonly tasks: readonly TaskRun[];
  readonly barred: readonly Barred[];
  readonly noReturn: NoReturn | null;
}

export const NO_TASKS: TaskState = { tasks: [], barred: [], noReturn: null };

type Started = Extract<FleetEvent, { kind: 'task.started' }>;
type TaskEnded = Extract<FleetEvent, { kind: 'task.ended' }>;

export const tasksOf = (release: Release | undefined): readonly Task[] => release?.content.replace.tasks ?? [];

/** Whether a rollout waits for it to pass. */
export const isRequired = (task: Task): boolean => task.at !== 'after' && (task.kind !== 'webhook' || task.required);

export function begin<S extends TaskState>(state: S, { rollout, release, task }: Started, at: number): S {
  if (state.tasks.some((run) => run.rollout === rollout && run.task === task)) return state;
  return { ...state, tasks: [...state.tasks, { rollout, release, task, startedAt: at, ended: null }] };
}

export function end<S extends TaskState>(state: S, event: TaskEnded, of: Release | undefined, at: number): S {
  const { rollout, task, result, why, release } = event;
  const tasks = state.tasks.map((run) =>
    run.rollout === rollout && run.task === task && run.ended === null ? { ...run, ended: { at, result, why } } : run,
  );
  const ended = { ...state, tasks };
  if (result !== 'passed' || of === undefined) return ended;
  const job = tasksOf(of).find((each) => each.name === task);
  const isFinal = job?.kind === 'job' && job.noReturn !== null;
  const noReturn = isFinal ? { release, why: job.noReturn ?? '', before: release } : state.noReturn;
  return { ...ended, noReturn, barred: barAnew(ended, of) };
}

export const bar = (barred: readonly Barred[], release: Release): readonly Barred[] => {
  const from = barOf(release, []);
  return from === null ? barred : [...barred, { release: release.number, from }];
};

/** What was open once stays open: its runs are forgotten some day. */
function barAnew({ barred, tasks }: TaskState, release: Release): readonly Barred[] {
  if (!barred.some((each) => each.release === release.number)) return barred;
  const others = barred.filter((each) => each.release !== release.number);
  const from = barOf(release, tasks);
  return from === null ? others : [...others, { release: release.number, from }];
}

function barOf(release: Release, tasks: readonly TaskRun[]): Barred['from'] | null {
  const passed = (task: Task): boolean =>
    tasks.some((run) => run.release === release.number && run.task === task.name && run.ended?.result === 'passed');
  const isOpen = (at: Point): boolean => tasksOf(release).every((task) => task.at !== at || !isRequired(task) || passed(task));
  if (!isOpen('before')) return 'launch';
  return isOpen('traffic') ? null : 'traffic';
}

/** What was put in place by a person past a point of no return is past it from then on. */
export const settled = (noReturn: NoReturn | null, serving: ReleaseNumber | null): NoReturn | null =>
  noReturn === null || serving === null || serving >= noReturn.before ? noReturn : { ...noReturn, before: serving };

/** When a rollout begins: runs that are over and that nobody asks for any more are forgotten. */
export const pruned = (tasks: readonly TaskRun[], ...rollouts: readonly (number | undefined)[]): readonly TaskRun[] =>
  tasks.filter((run) => run.ended === null || rollouts.includes(run.rollout));
