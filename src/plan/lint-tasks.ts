/** The part of the plan's lint that knows tasks, written apart from what plans them: it reads what is barred, not what comes next. */
import { groupId, jobId, releaseOf, type GroupId, type JobId, type ReleaseNumber } from '../domain/ids.ts';
import type { FleetObservation } from '../engines/engine.ts';
import type { FleetState } from './state.ts';

const barOf = (state: FleetState, release: ReleaseNumber): string | undefined =>
  state.barred.find((barred) => barred.release === release)?.from;

/** Nothing is launched before what comes before it has passed. */
export const launchBarred = (state: FleetState, release: ReleaseNumber, size: number): readonly string[] =>
  size > 0 && barOf(state, release) === 'launch'
    ? [`law 5: r${release} is launched before its jobs and approvals have passed`]
    : [];

/** Only what was tested serves. */
export const trafficBarred = (state: FleetState, groups: readonly GroupId[]): readonly string[] =>
  groups
    .filter((group) => barOf(state, releaseOf(group)) !== undefined)
    .map((group) => `law 5: ${group} would get traffic before its tasks have passed`);

/** A job is begun once: for the rollout that is under way, while it was started and has not ended. Of a single writer, alone. */
export function jobBarred(
  state: FleetState,
  release: ReleaseNumber,
  task: string,
  observed: FleetObservation,
): readonly string[] {
  const { rollout, tasks, releases, fleet } = state;
  const id = jobId(groupId(fleet, release), task);
  const run = tasks.find((each) => each.release === release && each.task === task && each.rollout === rollout?.id);
  const isOpen = rollout?.phase === 'advancing' && rollout.to === release && run?.ended === null;
  const single = releases[release - 1]?.content.launch.volumes.some((volume) => volume.singleWriter) === true;
  const writers = observed.groups.filter(({ running }) => running > 0);
  return [
    ...(isOpen ? [] : [`law 7: ${id} is begun, and it was not started for this rollout or has ended`]),
    ...(observed.jobs.some((job) => job.id !== id && job.status === 'running')
      ? [`law 7: ${id} is begun beside another job`]
      : []),
    ...(single && writers.length > 0
      ? [`law 7: ${id} is begun beside ${writers[0]?.group}, and they share a single writer's volume`]
      : []),
  ];
}

/** A job whose end is waited for is left alone. */
export function endBarred(state: FleetState, job: JobId): readonly string[] {
  const { rollout, life, tasks, fleet } = state;
  const waitedFor = tasks.some(
    (run) =>
      run.ended === null &&
      run.rollout === rollout?.id &&
      rollout.phase === 'advancing' &&
      life === 'active' &&
      jobId(groupId(fleet, run.release), run.task) === job,
  );
  return waitedFor ? [`law 7: ${job} is ended while its end is waited for`] : [];
}
