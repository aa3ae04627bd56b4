/** What ought to be so of tasks, in the words of the laws, read off the journal alone. */
import { groupId, jobId, releaseOf, type GroupId, type JobId, type ReleaseNumber } from '../../src/domain/ids.ts';
import type { Release } from '../../src/domain/release.ts';
import type { Point, Task } from '../../src/domain/task.ts';
import type { Traffic } from '../../src/engines/engine.ts';
import { fleetEventOf } from '../../src/execute/events.ts';
import type { FleetState } from '../../src/plan/state.ts';
import type { Entry } from '../../src/store/journal.ts';
import { FLEET } from './releases.ts';

/** Watches entries in their order; answers what each of them breaks. */
export class TaskWatch {
  readonly #releases = new Map<number, Release>();
  readonly #passed = new Set<string>();
  readonly #hasPassed: (job: JobId) => boolean;

  /** `hasPassed`: whether a job truly did. */
  constructor(hasPassed: (job: JobId) => boolean) {
    this.#hasPassed = hasPassed;
  }

  /** `state`: before the entry counts. */
  see(entry: Entry, state: FleetState | null): readonly string[] {
    const event = fleetEventOf(entry);
    if (event?.kind === 'release.made') this.#releases.set(event.release.number, event.release);
    if (event?.kind === 'task.ended' && event.result === 'passed') return this.#pass(event.release, event.task);
    if (event?.kind === 'rollout.started' && event.cause === 'failure') return this.#returns(event.to, state);
    if (entry.kind === 'group.sized') {
      const { group, size } = entry.data as { readonly group: GroupId; readonly size: number };
      return size === 0
        ? []
        : this.#missing(releaseOf(group), ['before']).map((task) => `law 5: ${group} is launched before ${task} has passed`);
    }
    if (entry.kind !== 'traffic.set') return [];
    const { weights, canary } = entry.data as unknown as Traffic;
    const given = (Object.entries(weights) as [GroupId, number][]).filter(([, weight]) => weight > 0).map(([group]) => group);
    return [...given, ...(canary == null ? [] : [canary.group])].flatMap((group) =>
      this.#missing(releaseOf(group), ['before', 'traffic']).map(
        (task) => `law 5: ${group} gets traffic before ${task} has passed`,
      ),
    );
  }

  #pass(release: ReleaseNumber, task: string): readonly string[] {
    this.#passed.add(`${release} ${task}`);
    const id = jobId(groupId(FLEET, release), task);
    return this.#taskOf(release, task)?.kind === 'job' && !this.#hasPassed(id)
      ? [`law 7: ${id} is said to have passed, and has not`]
      : [];
  }

  /** Nothing older comes back by itself once a job has passed that it could not work with. */
  #returns(to: ReleaseNumber | null, state: FleetState | null): readonly string[] {
    const [from, serving] = [state?.rollout?.to ?? 0, state?.serving ?? 0];
    return [...this.#releases.values()]
      .filter(({ number }) => to !== null && to < number && (number === from || serving >= number))
      .filter((release) => tasks(release).some((task) => isFinal(task) && this.#passed.has(`${release.number} ${task.name}`)))
      .map(({ number }) => `r${to} comes back by itself past the point of no return of r${number}`);
  }

  #missing(release: ReleaseNumber, points: readonly Point[]): readonly string[] {
    return tasks(this.#releases.get(release))
      .filter((task) => points.includes(task.at) && (task.kind !== 'webhook' || task.required))
      .filter((task) => !this.#passed.has(`${release} ${task.name}`))
      .map(({ name }) => name);
  }

  #taskOf(release: ReleaseNumber, name: string): Task | undefined {
    return tasks(this.#releases.get(release)).find((task) => task.name === name);
  }
}

const tasks = (release: Release | undefined): readonly Task[] => release?.content.replace.tasks ?? [];
const isFinal = (task: Task): boolean => task.kind === 'job' && task.noReturn !== null;

/** A rollout that waits for a person because neither way is open. */
export const isHeld = ({ rollout, noReturn }: FleetState): boolean =>
  rollout?.phase === 'attention' &&
  rollout.cause === 'deploy' &&
  rollout.from !== null &&
  noReturn !== null &&
  rollout.from < noReturn.before;
