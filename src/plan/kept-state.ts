/** What the keeper has been asked for and has seen fail, as a fold over its events. Pure. */
import { groupOf, type FleetId, type GroupId, type InstanceId } from '../domain/ids.ts';
import type { Traffic } from '../engines/engine.ts';
import type { KeeperEvent } from './events.ts';
import { NO_TRAFFIC } from './traffic.ts';

export interface KeptGroup {
  readonly group: GroupId;
  readonly size: number;
  readonly deleted: boolean;
  /** Instances that failed, ever. */
  readonly failures: number;
  /**
   * Generations that failed since the group was last well, which hold the brake, and when the last of them began to: what was
   * launched before fails for the same cause.
   */
  readonly braking: number;
  readonly brakedAt: number;
  readonly lastFailureAt: number;
  readonly lastFailure: string | null;
}

/** When the closing of an instance's connections began, and of how many. */
export interface Eviction {
  readonly at: number;
  readonly sessions: number;
}

/** Its traffic is what was last asked for. */
export interface KeptState extends Traffic {
  readonly fleet: FleetId;
  readonly groups: ReadonlyMap<GroupId, KeptGroup>;
  /** On their way out, and since when. */
  readonly retiring: ReadonlyMap<InstanceId, number>;
  readonly evicting: ReadonlyMap<InstanceId, Eviction>;
  /** Counted as failed and not removed yet. */
  readonly failed: ReadonlySet<InstanceId>;
  /** In an experiment, and not removed yet. */
  readonly killed: ReadonlySet<InstanceId>;
}

export const emptyKept = (fleet: FleetId): KeptState => ({
  fleet,
  groups: new Map(),
  ...NO_TRAFFIC,
  retiring: new Map(),
  evicting: new Map(),
  failed: new Set(),
  killed: new Set(),
});

export function foldKept(state: KeptState, event: KeeperEvent, at: number): KeptState {
  switch (event.kind) {
    case 'group.sized':
      return withGroup(state, event.group, (group) => ({ ...group, size: event.size, deleted: false }));
    case 'group.deleted':
      return withGroup(state, event.group, (group) => ({ ...group, size: 0, deleted: true }));
    case 'group.gone':
      return { ...state, groups: without(state.groups, event.group) };
    case 'group.recovered':
      return withGroup(state, event.group, (group) => ({ ...group, braking: 0 }));
    case 'traffic.set':
      return { ...state, weights: event.weights, preview: event.preview, canary: event.canary ?? null };
    case 'instance.retiring':
      return state.retiring.has(event.instance)
        ? state
        : { ...state, retiring: new Map([...state.retiring, [event.instance, at]]) };
    case 'instance.evicting':
      return { ...state, evicting: new Map([...state.evicting, [event.instance, { at, sessions: event.sessions }]]) };
    case 'instance.failed':
      return failed(state, event, at);
    case 'instance.killed':
      return { ...state, killed: new Set([...state.killed, event.instance]) };
    case 'instance.removed':
      return removed(state, event.instance);
  }
}

type FailedEvent = Extract<KeeperEvent, { kind: 'instance.failed' }>;

const NEW_GROUP = { size: 0, deleted: false, failures: 0, braking: 0, brakedAt: 0, lastFailureAt: 0, lastFailure: null };

function withGroup(state: KeptState, group: GroupId, change: (before: KeptGroup) => KeptGroup): KeptState {
  const before = state.groups.get(group) ?? { group, ...NEW_GROUP };
  return { ...state, groups: new Map([...state.groups, [group, change(before)]]) };
}

function failed(state: KeptState, { instance, why, launchedAt }: FailedEvent, at: number): KeptState {
  const group = groupOf(instance);
  if (state.failed.has(instance) || !state.groups.has(group)) return state;
  const counted = withGroup(state, group, (before) => {
    const isNext = before.braking === 0 || launchedAt === undefined || launchedAt >= before.brakedAt;
    const generation = isNext ? { braking: before.braking + 1, brakedAt: at } : {};
    return { ...before, ...generation, failures: before.failures + 1, lastFailureAt: at, lastFailure: why };
  });
  return { ...counted, failed: new Set([...state.failed, instance]) };
}

function removed(state: KeptState, instance: InstanceId): KeptState {
  if (!state.retiring.has(instance) && !state.failed.has(instance) && !state.killed.has(instance)) return state;
  const [retiring, evicting] = [without(state.retiring, instance), without(state.evicting, instance)];
  return { ...state, retiring, evicting, failed: lacking(state.failed, instance), killed: lacking(state.killed, instance) };
}

const lacking = <T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> =>
  set.has(item) ? new Set([...set].filter((each) => each !== item)) : set;

function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
