/**
 * The keeper: turns group sizes into launches, drains and removals, on engines that run instances and not groups.
 * Pure, like the planner above it: what is kept and what was observed in, the next safe steps out.
 *
 * Laws it holds: nothing of a revoked image is launched (1); nothing gets traffic before it is healthy, nothing is removed before the load balancer has confirmed its
 * drain or the budget is spent (3); no healthy instance leaves but by a smaller size (4); nothing of ours is left over (7).
 */
import { groupOf, instanceId, type GroupId, type InstanceId } from '../domain/ids.ts';
import type { InstanceObservation, RoutingTable } from '../engines/engine.ts';
import type { KeeperEvent } from './events.ts';
import { drained, drainTimes, evictions } from './drain.ts';
import { brakedUntil, FORGIVE_MS, healingRoom, sharesRoom } from './healing.ts';
import type { KeeperInput } from './keeper-input.ts';
import { foldKept, type KeptGroup } from './kept-state.ts';
import { routingTable } from './routing.ts';
import { leastUseful, zonesFor } from './spread.ts';

export type KeeperStep =
  | { readonly kind: 'record'; readonly event: KeeperEvent }
  | { readonly kind: 'launch'; readonly instance: InstanceId; readonly zone: string | null }
  | { readonly kind: 'route'; readonly table: RoutingTable }
  | { readonly kind: 'remove'; readonly instance: InstanceId }
  | { readonly kind: 'evict'; readonly instance: InstanceId; readonly most: number };

export interface KeeperPlan {
  readonly steps: readonly KeeperStep[];
  /** Replacements of failed instances that are under way with this plan, of those that share the engine's room. */
  readonly healing: number;
  /** When to look again although nothing has changed. */
  readonly wakeAt: number | null;
}

/** Other fleets may have left room for more to heal. */
const ROOM_LOOK_MS = 1_000;

export function keep(input: KeeperInput): KeeperPlan {
  const { kept, instances, now } = input;
  const losses = lossesOf(input);
  // What has just failed holds the brake already.
  const groups = keepGroups({ ...input, kept: losses.reduce((state, event) => foldKept(state, event, now), kept) });
  const orphans = instances.filter((seen) => !kept.groups.has(seen.group) && !kept.retiring.has(seen.id));
  const retirements = [...groups.flatMap((plan) => plan.retire), ...orphans.map((seen) => retire(seen.id, 'its group is gone'))];
  const retiring = new Set([...kept.retiring.keys(), ...retirements.map((event) => event.instance)]);
  const table = routingTable(input, retiring);
  const removals = removable(input);
  const evicted = evictions(input);
  const steps: readonly KeeperStep[] = [
    ...vanished(input).map(record),
    ...losses.map(record),
    ...groups.flatMap((plan) => plan.events).map(record),
    ...retirements.map(record),
    ...evicted.events.map(record),
    ...(table === null ? [] : [{ kind: 'route', table } as const]),
    ...groups.flatMap((plan) => plan.launch),
    ...removals.map((instance) => ({ kind: 'remove', instance }) as const),
    ...evicted.steps,
  ];
  const times = [...groups.map((plan) => plan.wakeAt), ...drainTimes(input)].filter((time) => time !== null && time > now);
  const healing = groups.reduce((sum, plan) => sum + plan.healing, 0);
  return { steps, healing, wakeAt: times.length === 0 ? null : Math.min(...(times as number[])) };
}

function keepGroups(input: KeeperInput): readonly GroupPlan[] {
  let room = input.healingRoom;
  return [...input.kept.groups.values()].map((group) => {
    const plan = keepGroup(input, group, room);
    room -= plan.healing;
    return plan;
  });
}

interface GroupPlan {
  readonly events: readonly KeeperEvent[];
  readonly retire: readonly Retirement[];
  readonly launch: readonly Launch[];
  readonly healing: number;
  readonly wakeAt: number | null;
}

type Launch = Extract<KeeperStep, { kind: 'launch' }>;

type Retirement = Extract<KeeperEvent, { kind: 'instance.retiring' }>;

function keepGroup(input: KeeperInput, group: KeptGroup, room: number): GroupPlan {
  const mine = membersOf(input, group).filter((seen) => !leaving(input, seen));
  const there = new Set(mine.map((seen) => seen.id));
  const launching = [...input.busy].flatMap(([id, what]) =>
    what === 'launch' && groupOf(id) === group.group && !there.has(id) ? [id] : [],
  );
  const live = mine.filter((seen) => seen.health.status === 'healthy' || seen.health.status === 'starting');
  const count = live.length + launching.length;
  const starting = live.filter((seen) => seen.health.status === 'starting').length + launching.length;
  const missing = isBarred(input, group) ? 0 : Math.min(group.size - count, roomFor(input, group));
  const wanted = Math.max(0, Math.min(missing, healingRoom(group, live, starting)));
  const shares = sharesRoom(group);
  const allowed = shares ? Math.max(0, Math.min(wanted, room - starting)) : wanted;
  const zones = [...live.map((seen) => seen.zone), ...launching.map((id) => input.placed.get(id) ?? null)];
  const launch = draw(input, group.group, zonesFor(allowed, input.zones, zones));
  const replaced = count + launch.length >= group.size;
  // One that is still being launched stands in for nobody yet: what is there goes only for what is there.
  const retirements = surplus(mine, live, Math.max(0, live.length - group.size), replaced);
  return {
    events: [...recovery(input, group), ...farewell(input, group, mine.length + launching.length)],
    retire: retirements,
    launch,
    healing: shares ? starting + launch.length : 0,
    wakeAt: allowed < wanted ? input.now + ROOM_LOOK_MS : count < group.size ? brakedUntil(group) : null,
  };
}

/** Nothing of it may be launched now. */
function isBarred(input: KeeperInput, group: KeptGroup): boolean {
  return group.deleted || isRevoked(input, group) || (brakedUntil(group) ?? 0) > input.now;
}

const membersOf = ({ grouped }: KeeperInput, { group }: KeptGroup): readonly InstanceObservation[] => grouped.get(group) ?? [];

/** Law 1: what runs of it goes on until it is replaced, and what ends is not launched again. */
function isRevoked({ release, revoked }: KeeperInput, { group }: KeptGroup): boolean {
  const image = release(group)?.content.image;
  return image !== undefined && revoked(image) !== null;
}

/** Removed, retiring, or dead: no longer part of the group. */
const leaving = ({ kept, busy }: KeeperInput, seen: InstanceObservation): boolean =>
  kept.retiring.has(seen.id) || busy.get(seen.id) === 'remove' || seen.health.status === 'exited';

/** A single writer starts only when all others of its fleet are gone for good. A job has the volumes of its release too. */
function roomFor(input: KeeperInput, group: KeptGroup): number {
  const single = input.release(group.group)?.content.launch.volumes.some((volume) => volume.singleWriter) ?? false;
  if (!single) return Number.POSITIVE_INFINITY;
  const present = new Set([...input.instances.map((seen) => seen.id), ...input.busy.keys()]);
  const jobs = input.jobs.filter(({ status }) => status === 'running' || status === 'made');
  return Math.max(0, 1 - present.size - jobs.length);
}

const draw = (input: KeeperInput, group: GroupId, zones: readonly (string | null)[]): readonly Launch[] =>
  zones.map((zone) => ({ kind: 'launch', instance: instanceId(group, input.drawId()), zone }));

/**
 * What is too many goes, the least useful first. Unhealthy ones go once there are others in their place: an outage of
 * something that all of them need must not end all of them.
 */
function surplus(
  mine: readonly InstanceObservation[],
  live: readonly InstanceObservation[],
  tooMany: number,
  replaced: boolean,
): readonly Retirement[] {
  const unhealthy = replaced ? mine.filter((seen) => seen.health.status === 'unhealthy') : [];
  const excess = tooMany === 0 ? [] : leastUseful(live).slice(0, tooMany);
  return [
    ...unhealthy.map((seen) => retire(seen.id, whyUnhealthy(seen))),
    ...excess.map((seen) => retire(seen.id, 'the group shrinks')),
  ];
}

const retire = (instance: InstanceId, why: string): Retirement => ({ kind: 'instance.retiring', instance, why });
const whyUnhealthy = (seen: InstanceObservation): string =>
  seen.health.status === 'unhealthy' ? seen.health.detail : 'unhealthy';
const record = (event: KeeperEvent): KeeperStep => ({ kind: 'record', event });

/** Each instance that went bad by itself counts once. One that was asked to leave does not, nor one that could do nothing for it. */
const lossesOf = ({ kept, instances, busy }: KeeperInput): readonly KeeperEvent[] =>
  instances.flatMap((seen): readonly KeeperEvent[] => {
    const { health } = seen;
    if (health.status !== 'exited' && health.status !== 'unhealthy') return [];
    if (kept.failed.has(seen.id) || kept.retiring.has(seen.id) || busy.has(seen.id) || !kept.groups.has(seen.group)) return [];
    // What is to be killed has no say any more.
    if (kept.killed.has(seen.id)) return health.status === 'exited' ? [retire(seen.id, 'killed in an experiment')] : [];
    if (health.status === 'exited' && health.blameless === true) return [retire(seen.id, health.detail)];
    return [{ kind: 'instance.failed', instance: seen.id, why: health.detail, launchedAt: seen.launchedAt }];
  });

const recovery = (input: KeeperInput, group: KeptGroup): readonly KeeperEvent[] => {
  const well = group.braking > 0 && input.now - group.lastFailureAt >= FORGIVE_MS;
  const healthy = membersOf(input, group).some((seen) => seen.health.status === 'healthy');
  return well && healthy ? [{ kind: 'group.recovered', group: group.group }] : [];
};

/** A deleted group is gone when nothing of it is left. */
function farewell(input: KeeperInput, group: KeptGroup, present: number): readonly KeeperEvent[] {
  const left = present > 0 || membersOf(input, group).length > 0;
  const busy = [...input.busy.keys()].some((id) => groupOf(id) === group.group);
  return group.deleted && !left && !busy ? [{ kind: 'group.gone', group: group.group }] : [];
}

/** On their way out and there no more: removed by a daemon that died before it could say so, or never launched. */
function vanished({ kept, instances, busy }: KeeperInput): readonly KeeperEvent[] {
  const present = new Set(instances.map((seen) => seen.id));
  const leaving = new Set([...kept.retiring.keys(), ...kept.failed]);
  const gone = [...leaving].filter((id) => !present.has(id) && !busy.has(id));
  return gone.map((instance) => ({ kind: 'instance.removed', instance }));
}

/** Dead ones at once; retiring ones when they are drained. */
const removable = (input: KeeperInput): readonly InstanceId[] =>
  input.instances
    .filter((seen) => !input.busy.has(seen.id))
    .filter((seen) => {
      if (seen.health.status === 'exited') return input.kept.failed.has(seen.id) || input.kept.retiring.has(seen.id);
      return input.kept.retiring.has(seen.id) && drained(input, seen);
    })
    .map((seen) => seen.id);
