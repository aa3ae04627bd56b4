/**
 * Carries out the tasks that a plan names. Tests and webhooks take their time in the background, one at a time each, until
 * their end is recorded; a job lives in the engine and needs nobody here, but is ended in the background as well.
 */
import { environmentOf, groupId, jobId, serviceOf, type JobId } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import type { Task } from '../domain/task.ts';
import type { CallContext, Engine } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { FleetEvent } from '../plan/events.ts';
import type { Step } from '../plan/plan.ts';
import { releaseOfState, type FleetState } from '../plan/state.ts';
import { tasksOf } from '../plan/task-state.ts';
import { isUnderWay } from '../plan/tasks.ts';
import type { Deliver, Delivery, Notice } from './deliver.ts';
import type { Executor } from './executor.ts';

export interface TaskParts {
  readonly engine: Engine;
  readonly executor: Executor;
  readonly clock: Clock;
  readonly deliver: Deliver;
}

/** The fleet that they belong to, as it is when asked. */
export interface TaskOwner {
  state(): FleetState;
  record(event: FleetEvent): void;
  wake(): void;
}

/** After what could not be done, before it is tried again. */
const RETRY_MS = 1_000;

type Run = Extract<Step, { kind: 'run-task' }>;
type Start = Extract<Step, { kind: 'start-job' }>;

export class Tasks {
  readonly #parts: TaskParts;
  readonly #owner: TaskOwner;
  readonly #running = new Map<string, { readonly step: Run; readonly stop: AbortController }>();
  readonly #ending = new Set<JobId>();

  constructor(parts: TaskParts, owner: TaskOwner) {
    this.#parts = parts;
    this.#owner = owner;
  }

  /** One that can't be begun has failed; whatever else went wrong is tried again by the next plan. */
  async start({ release: number, task: name }: Start, ctx: CallContext): Promise<void> {
    const { engine, executor } = this.#parts;
    const state = this.#owner.state();
    const { release, task } = this.#find(number, name);
    const id = jobId(groupId(state.fleet, number), name);
    const rollout = state.rollout?.id;
    if (task.kind !== 'job' || rollout === undefined) return;
    try {
      await executor.effect(state.fleet, { step: 'start-job', job: id, command: task.command }, () =>
        engine.startJob({ id, release, command: task.command }, ctx),
      );
    } catch (error) {
      if (!(error instanceof KilnError) || error.code !== 'LAUNCH_FAILED') throw error;
      this.#end({ kind: 'run-task', rollout, release: number, task: name }, error.message);
    }
  }

  end(job: JobId, ctx: CallContext): void {
    if (this.#ending.has(job)) return;
    this.#ending.add(job);
    const { engine, executor } = this.#parts;
    this.#background(
      () => executor.effect(this.#owner.state().fleet, { step: 'end-job', job }, () => engine.removeJob(job, ctx)),
      () => this.#ending.delete(job),
    );
  }

  run(step: Run): void {
    const key = keyOf(step);
    if (this.#running.has(key)) return;
    const stop = new AbortController();
    this.#running.set(key, { step, stop });
    this.#background(
      () => this.#try(step, AbortSignal.any([stop.signal, this.#parts.executor.signal])),
      () => this.#running.delete(key),
    );
  }

  /** Lets go of those that nobody waits for any more. */
  prune(): void {
    for (const { step, stop } of this.#running.values()) {
      if (!isUnderWay(this.#owner.state(), step.rollout, step.task)) stop.abort(new Error('nobody waits for it any more'));
    }
  }

  async #try(step: Run, signal: AbortSignal): Promise<void> {
    const { executor, clock } = this.#parts;
    const { release, task } = this.#find(step.release, step.task);
    const state = this.#owner.state();
    const startedAt = state.tasks.find((run) => run.rollout === step.rollout && run.task === step.task)?.startedAt ?? clock.now();
    const leftMs = Math.max(1, startedAt + task.deadlineMs - clock.now());
    const wrong = await executor.effect(state.fleet, { step: 'run-task', task: task.name, release: step.release }, () =>
      this.#act(step, release, task, leftMs, { signal }),
    );
    this.#end(step, wrong);
  }

  #act(step: Run, release: Release, task: Task, leftMs: number, ctx: CallContext): Promise<string | null> {
    const { engine, deliver } = this.#parts;
    const state = this.#owner.state();
    if (task.kind === 'test') return engine.test(groupId(state.fleet, step.release), task.test, leftMs, ctx);
    if (task.kind === 'webhook') return deliver(deliveryOf(state, step, release, task), leftMs, ctx);
    throw new RangeError(`${task.name} is no test and no webhook`);
  }

  /** Unless its end was recorded meanwhile. */
  #end({ rollout, release, task }: Run, wrong: string | null): void {
    if (!isUnderWay(this.#owner.state(), rollout, task)) return;
    const result = wrong === null ? 'passed' : 'failed';
    this.#owner.record({ kind: 'task.ended', rollout, release, task, result, why: wrong ?? '' });
  }

  /** A failure is in the journal; it is left alone for a moment, then planned again. */
  #background(act: () => Promise<unknown>, over: () => void): void {
    const { executor, clock } = this.#parts;
    act()
      .catch(() => (executor.signal.aborted ? undefined : clock.sleep(RETRY_MS, executor.signal).catch(() => {})))
      .finally(() => {
        over();
        this.#owner.wake();
      })
      .catch(() => {});
  }

  #find(number: Run['release'], name: string): { readonly release: Release; readonly task: Task } {
    const release = releaseOfState(this.#owner.state(), number);
    const task = tasksOf(release).find((each) => each.name === name);
    if (task === undefined) throw new RangeError(`r${number} has no task ${name}`);
    return { release, task };
  }
}

const keyOf = ({ rollout, task }: Run): string => `${rollout} ${task}`;

function deliveryOf(state: FleetState, step: Run, release: Release, task: Extract<Task, { kind: 'webhook' }>): Delivery {
  const { fleet } = state;
  const notice: Notice = {
    kind: task.at,
    service: serviceOf(fleet),
    environment: environmentOf(fleet),
    release: release.number,
    image: release.content.image,
    label: release.label,
    ...(state.rollout?.id === step.rollout ? { from: state.rollout.from } : {}),
    ...endOf(state, step.rollout),
  };
  return { id: `${fleet}.${step.rollout}.${task.name}`, fleet, url: task.url, secret: task.secret, notice };
}

function endOf({ ended, serving }: FleetState, rollout: number): Pick<Notice, 'outcome' | 'reason' | 'serving'> {
  return ended?.rollout === rollout ? { outcome: ended.outcome, reason: ended.reason, serving } : {};
}
