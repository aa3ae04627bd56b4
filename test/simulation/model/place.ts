/**
 * The place where a modelled fleet runs, as small as the planner can see it: groups with instances, the traffic, an image that
 * may or may not become ready, jobs. Values, never changed in place. What happens in it happens only when the checker says so.
 */
import {
  groupId,
  groupOf,
  instanceId,
  jobId,
  releaseOf,
  type GroupId,
  type InstanceId,
  type JobId,
} from '../../../src/domain/ids.ts';
import type { FleetObservation, JobObservation, Traffic } from '../../../src/engines/engine.ts';
import type { Step } from '../../../src/plan/plan.ts';
import type { FleetState } from '../../../src/plan/state.ts';
import { NO_TRAFFIC } from '../../../src/plan/traffic.ts';
import { FLEET, imageOf } from '../releases.ts';

export interface ModelInstance {
  readonly id: InstanceId;
  readonly launchedAt: number;
  /** Null: not healthy yet. */
  readonly healthySince: number | null;
  /** Asked to leave, and still there. */
  readonly leaving: boolean;
}

export interface ModelGroup {
  readonly size: number;
  readonly deleted: boolean;
  readonly failures: number;
  readonly instances: readonly ModelInstance[];
}

export interface Place {
  readonly groups: ReadonlyMap<GroupId, ModelGroup>;
  readonly traffic: Traffic;
  readonly settled: boolean;
  readonly balancer: 'up' | 'down';
  readonly jobs: ReadonlyMap<JobId, 'running' | 'ending'>;
}

export const EMPTY_PLACE: Place = { groups: new Map(), traffic: NO_TRAFFIC, settled: true, balancer: 'up', jobs: new Map() };

const NO_GROUP: ModelGroup = { size: 0, deleted: false, failures: 0, instances: [] };

export function withGroup(place: Place, group: GroupId, change: (before: ModelGroup) => ModelGroup): Place {
  return { ...place, groups: new Map([...place.groups, [group, change(place.groups.get(group) ?? NO_GROUP)]]) };
}

export const withInstances = (
  place: Place,
  group: GroupId,
  change: (all: readonly ModelInstance[]) => readonly ModelInstance[],
): Place => withGroup(place, group, (before) => ({ ...before, instances: change(before.instances) }));

export function observationOf({ groups, traffic, settled, jobs }: Place): FleetObservation {
  return {
    fleet: FLEET,
    ...traffic,
    settled,
    trouble: null,
    groups: [...groups].map(([group, { size, deleted, failures, instances }]) => {
      const staying = instances.filter(({ leaving }) => !leaving);
      return {
        group,
        size,
        running: instances.length,
        healthySince: staying.flatMap(({ healthySince }) => (healthySince === null ? [] : [healthySince])),
        members: staying.map(({ id, launchedAt, healthySince }) => ({
          instance: id,
          launchedAt,
          healthy: healthySince !== null,
        })),
        failures,
        lastFailure: failures === 0 ? null : 'it failed',
        brakedUntil: null,
        deleting: deleted,
      };
    }),
    jobs: [...jobs.keys()].map((id): JobObservation => ({ id, release: imageOf(id), status: 'running', detail: '' })),
  };
}

/** What the step does here. Null: the load balancer does not answer, and the steps after it are not done. */
export function execute(place: Place, step: Step): Place | null {
  switch (step.kind) {
    case 'ensure-group':
      return withGroup(place, step.group, (before) => ({ ...before, size: step.size, deleted: false }));
    case 'retire-instance':
      return withGroup(place, groupOf(step.instance), (before) => ({
        ...before,
        size: step.size,
        instances: before.instances.map((each) => (each.id === step.instance ? { ...each, leaving: true } : each)),
      }));
    case 'set-traffic':
      if (place.balancer === 'down') return null;
      return { ...place, settled: true, traffic: { weights: step.weights, preview: step.preview, canary: step.canary } };
    case 'delete-group':
      return withGroup(place, step.group, (before) => ({ ...before, size: 0, deleted: true }));
    case 'start-job':
      return withJob(place, jobId(groupId(FLEET, step.release), step.task));
    case 'end-job':
      return place.jobs.has(step.job) ? { ...place, jobs: new Map([...place.jobs, [step.job, 'ending']]) } : place;
    case 'record':
    case 'ensure-image':
    case 'run-task':
      return place;
    case 'kill-instance':
      return withInstances(place, groupOf(step.instance), (all) => all.filter(({ id }) => id !== step.instance));
    case 'forget-fleet':
      return place.balancer === 'down' ? null : { ...place, traffic: NO_TRAFFIC, settled: true };
  }
}

const withJob = (place: Place, job: JobId): Place =>
  place.jobs.has(job) ? place : { ...place, jobs: new Map([...place.jobs, [job, 'running']]) };

/** What an engine does by itself: launches what is missing, lets go of what is too many, forgets what is gone. */
export function keepUp(place: Place, { releases, experiment }: FleetState, now: number): Place {
  const kept = [...place.groups].flatMap(([group, before]): readonly (readonly [GroupId, ModelGroup])[] => {
    const after = shrunk(before);
    return after.deleted && after.instances.length === 0 ? [] : [[group, after]];
  });
  let present = kept.reduce((sum, [, { instances }]) => sum + instances.length, 0) + place.jobs.size;
  const groups = kept.map(([group, before]) => {
    const single = releases[releaseOf(group) - 1]?.content.launch.volumes.some((volume) => volume.singleWriter) === true;
    const after = single && present > 0 ? before : grown(group, before, new Set(experiment?.victims), now);
    present += after.instances.length - before.instances.length;
    return [group, after] as const;
  });
  return { ...place, groups: new Map(groups) };
}

function shrunk(group: ModelGroup): ModelGroup {
  const staying = group.instances.filter(({ leaving }) => !leaving);
  const excess = Math.max(0, staying.length - group.size);
  if (excess === 0) return group;
  const least = new Set(staying.toSorted((a, b) => (a.healthySince ?? Infinity) - (b.healthySince ?? Infinity)).slice(-excess));
  return { ...group, instances: group.instances.map((each) => (least.has(each) ? { ...each, leaving: true } : each)) };
}

/** `spent`: names that do not come again soon. */
function grown(group: GroupId, before: ModelGroup, spent: ReadonlySet<InstanceId>, now: number): ModelGroup {
  const missing = before.deleted ? 0 : before.size - before.instances.filter(({ leaving }) => !leaving).length;
  if (missing <= 0) return before;
  const taken = new Set([...spent, ...before.instances.map(({ id }) => id)]);
  const ids = NAMES.map((name) => instanceId(group, name)).filter((id) => !taken.has(id));
  const launched = ids.slice(0, missing).map((id) => ({ id, launchedAt: now, healthySince: null, leaving: false }));
  return { ...before, instances: [...before.instances, ...launched] };
}

/** The same names again and again, so that the same situation looks the same. */
const NAMES = Array.from({ length: 12 }, (_, index) => `aaaaa${index.toString(36)}`);
