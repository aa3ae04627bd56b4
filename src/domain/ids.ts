/**
 * Names and identities. All are branded strings: a value of one kind can't be passed where another is meant.
 *
 * Shapes, built from each other with dots (names hold no dot, so every id splits in one way):
 *   service `web` · environment `local` · fleet `web.local` · group `web.local.r7` · instance `web.local.r7.k3f9x2`
 *   job `web.local.r7.job-migrate`
 */
declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

export type ServiceName = Brand<string, 'service'>;
export type EnvironmentName = Brand<string, 'environment'>;
export type FleetId = Brand<string, 'fleet'>;
export type GroupId = Brand<string, 'group'>;
export type InstanceId = Brand<string, 'instance'>;
export type JobId = Brand<string, 'job'>;
/** What has a process, a log and a network of its own. */
export type ContainerId = InstanceId | JobId;
/** Counts from 1 within a fleet, never reused. */
export type ReleaseNumber = Brand<number, 'release'>;

const NAME = /^[a-z][a-z0-9-]{0,30}$/;
const INSTANCE = /^[a-z0-9]{6}$/;

/** A name: a lower-case letter, then letters, digits and hyphens; at most 31 characters. */
export const isName = (text: string): boolean => NAME.test(text) && !text.endsWith('-');

export const isServiceName = (text: string): text is ServiceName => isName(text);

export const fleetId = (service: ServiceName, environment: EnvironmentName): FleetId => `${service}.${environment}` as FleetId;

export const groupId = (fleet: FleetId, release: ReleaseNumber): GroupId => `${fleet}.r${release}` as GroupId;

/** `suffix` is six characters of a-z0-9, drawn by the caller's id source. */
export const instanceId = (group: GroupId, suffix: string): InstanceId => `${group}.${suffix}` as InstanceId;

/** `name`: of the task, unique within its release. No instance has such an id. */
export const jobId = (group: GroupId, name: string): JobId => `${group}.${JOB}${name}` as JobId;
const JOB = 'job-';

export const isFleetId = (text: string): text is FleetId => {
  const parts = text.split('.');
  return parts.length === 2 && parts.every(isName);
};

export const isGroupId = (text: string): text is GroupId => {
  const parts = text.split('.');
  return parts.length === 3 && isFleetId(parts.slice(0, 2).join('.')) && /^r[1-9][0-9]{0,8}$/.test(parts[2] ?? '');
};

export const isInstanceId = (text: string): text is InstanceId => {
  const parts = text.split('.');
  return parts.length === 4 && isGroupId(parts.slice(0, 3).join('.')) && INSTANCE.test(parts[3] ?? '');
};

export const isJobId = (text: string): text is JobId => {
  const [name = '', ...group] = text.split('.').toReversed();
  return isGroupId(group.toReversed().join('.')) && name.startsWith(JOB) && isName(name.slice(JOB.length));
};

export const isContainerId = (text: string): text is ContainerId => isInstanceId(text) || isJobId(text);

export const serviceOf = (fleet: FleetId): ServiceName => fleet.split('.')[0] as ServiceName;
export const environmentOf = (fleet: FleetId): EnvironmentName => fleet.split('.')[1] as EnvironmentName;
export const fleetOf = (group: GroupId): FleetId => group.slice(0, group.lastIndexOf('.')) as FleetId;
export const releaseOf = (group: GroupId): ReleaseNumber => Number(group.slice(group.lastIndexOf('.') + 2)) as ReleaseNumber;
export const groupOf = (id: ContainerId): GroupId => id.slice(0, id.lastIndexOf('.')) as GroupId;
