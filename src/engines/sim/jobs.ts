/**
 * The simulated jobs: begun, passing or failing as their image behaves, stopped with a grace, lost in a reboot. Watches from
 * outside that none is ever begun twice (law 7), and that none shares a single writer's volume.
 */
import type { Digest } from '../../domain/digest.ts';
import { fleetOf, groupOf, type FleetId, type InstanceId, type JobId } from '../../domain/ids.ts';
import type { Release } from '../../domain/release.ts';
import type { Job, JobObservation } from '../engine.ts';
import type { DaemonLife, Note } from './calls.ts';
import type { VirtualClock } from './clock.ts';
import type { Instances } from './instances.ts';
import type { Laws } from './laws.ts';

/** How the jobs of an image end, its tests, and the webhooks of its releases. */
export interface TaskBehaviour {
  readonly ends: 'passed' | 'failed' | 'never';
  readonly afterMs: number;
}

export type Tried = 'job' | 'test' | 'webhook';

const PASSES: TaskBehaviour = { ends: 'passed', afterMs: 200 };

interface SimJob {
  readonly job: Job;
  status: JobObservation['status'];
  detail: string;
  readonly waiters: { readonly life: DaemonLife; readonly resolve: () => void }[];
  stopping: boolean;
}

export class Jobs {
  readonly #clock: VirtualClock;
  readonly #laws: Laws;
  readonly #note: Note;
  readonly #instances: Instances;
  readonly #changed: (fleet: FleetId) => void;
  readonly #byId = new Map<JobId, SimJob>();
  readonly #begun = new Set<JobId>();
  readonly #passed = new Set<JobId>();
  readonly #behaviours = new Map<string, TaskBehaviour>();

  constructor(clock: VirtualClock, laws: Laws, instances: Instances, note: Note, changed: (fleet: FleetId) => void) {
    this.#clock = clock;
    this.#laws = laws;
    this.#instances = instances;
    this.#note = note;
    this.#changed = changed;
  }

  behave(image: Digest, tried: Tried, behaviour: TaskBehaviour): void {
    this.#behaviours.set(`${tried} ${image}`, behaviour);
  }

  behaviourOf(image: Digest, tried: Tried): TaskBehaviour {
    return this.#behaviours.get(`${tried} ${image}`) ?? PASSES;
  }

  hasPassed = (id: JobId): boolean => this.#passed.has(id);

  /** What a start that broke off leaves behind. */
  make(job: Job): void {
    if (!this.#byId.has(job.id)) this.#byId.set(job.id, { job, status: 'made', detail: '', waiters: [], stopping: false });
  }

  start(job: Job): void {
    this.make(job);
    const made = this.#byId.get(job.id);
    if (made?.status !== 'made' || made.stopping) return;
    if (this.#begun.has(job.id)) this.#laws.broken(7, `${job.id} was begun twice`);
    this.#begun.add(job.id);
    this.#checkWriters(job);
    this.#turn(made, 'running', '');
    const { ends, afterMs } = this.behaviourOf(job.release.content.image, 'job');
    if (ends === 'never') return;
    this.#clock.at(this.#clock.now() + afterMs, () => {
      if (made.status !== 'running' || made.stopping) return;
      if (ends === 'passed') this.#passed.add(job.id);
      this.#turn(made, ends, ends === 'passed' ? 'exited with code 0' : 'exited with code 1; its last lines: no such table');
    });
  }

  observe(): readonly JobObservation[] {
    return [...this.#byId].map(([id, { job, status, detail }]) => ({ id, release: job.release.hash, status, detail }));
  }

  /** Resolves when it is gone. A daemon that dies meanwhile leaves it ended, to be removed again. */
  remove(id: JobId, life: DaemonLife): Promise<void> | undefined {
    const found = this.#byId.get(id);
    if (found === undefined) return undefined;
    if (found.status !== 'running') {
      this.#forget(id);
      return undefined;
    }
    const gone = new Promise<void>((resolve) => found.waiters.push({ life, resolve }));
    if (!found.stopping) {
      found.stopping = true;
      const graceMs = Math.ceil(found.job.release.content.launch.stopGraceMs / 2);
      this.#clock.at(this.#clock.now() + graceMs, () => this.#stopped(id, found), true);
    }
    return gone;
  }

  /** The machine is started anew: what was made is gone, and how ended what was running nobody knows. */
  reboot(): void {
    for (const [id, job] of this.#byId) {
      if (job.status === 'made') this.#forget(id);
      else if (job.status === 'running') this.#turn(job, 'lost', 'the machine was started anew');
    }
  }

  /** An instance that was launched beside a job which has its single writer's volume. */
  checkLaunch(id: InstanceId, release: Release): void {
    const job = [...this.#byId.values()].find(
      (each) =>
        each.status === 'running' && shares(each.job.release, release) && fleetOf(groupOf(id)) === fleetOf(groupOf(each.job.id)),
    );
    if (job !== undefined) this.#laws.broken(7, `${id} was launched while ${job.job.id} has its single-writer volume`);
  }

  #checkWriters({ id, release }: Job): void {
    for (const other of this.#instances.all()) {
      if (other.health.status === 'exited' || !shares(other.release, release) || other.fleet !== fleetOf(groupOf(id))) continue;
      this.#laws.broken(7, `${id} was begun while ${other.id} has its single-writer volume`);
    }
  }

  #stopped(id: JobId, found: SimJob): void {
    if (this.#byId.get(id) !== found) return;
    if (found.waiters.some(({ life }) => life.alive)) this.#forget(id);
    else if (found.status === 'running') this.#turn(found, 'failed', 'killed by signal 15');
    found.stopping = false;
    for (const { resolve } of found.waiters.splice(0)) resolve();
  }

  #turn(job: SimJob, status: SimJob['status'], detail: string): void {
    job.status = status;
    job.detail = detail;
    this.#note(`${job.job.id} ${status}`);
    this.#changed(fleetOf(groupOf(job.job.id)));
  }

  #forget(id: JobId): void {
    this.#byId.delete(id);
    this.#note(`${id} gone`);
    this.#changed(fleetOf(groupOf(id)));
  }
}

const shares = (a: Release, b: Release): boolean =>
  a.content.launch.volumes.some(
    (volume) => volume.singleWriter && b.content.launch.volumes.some((other) => other.name === volume.name),
  );
