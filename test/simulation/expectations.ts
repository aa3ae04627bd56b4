/** What ought to be so, in the words of the laws, said apart from the planner. */
import type { Digest } from '../../src/domain/digest.ts';
import { groupId, releaseOf, type GroupId, type InstanceId, type JobId, type ReleaseNumber } from '../../src/domain/ids.ts';
import type { ReleaseContent } from '../../src/domain/release.ts';
import type { Behaviour } from '../../src/engines/sim/behaviour.ts';
import type { SimInstance } from '../../src/engines/sim/instance.ts';
import type { RoutingTable } from '../../src/engines/engine.ts';
import { fleetEventOf } from '../../src/execute/events.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { FleetState } from '../../src/plan/state.ts';
import type { Entry } from '../../src/store/journal.ts';
import { FLEET } from './releases.ts';
import { isHeld } from './task-expectations.ts';

/** Law 4: how many healthy instances must go on serving, whatever Kiln is doing. */
export function floorOf(state: FleetState | null, instances: readonly SimInstance[]): number {
  if (state === null || state.life !== 'active') return 0;
  const { rollout, size, serving } = state;
  if (rollout === null) return serving === null ? 0 : size;
  if (rollout.to === null) return 0;
  if (oneAtATime(state, instances)) return 0;
  const strategy = contentOf(state, rollout.to)?.replace.strategy;
  const percent = rollout.phase === 'advancing' && strategy?.kind === 'rolling' ? strategy.minHealthyPercent : 100;
  return Math.ceil((size * percent) / 100);
}

/** Some release that is involved lets no other run beside it. */
function oneAtATime(state: FleetState, instances: readonly SimInstance[]): boolean {
  const { rollout, serving } = state;
  const involved = [serving, rollout?.from ?? null, rollout?.to ?? null].flatMap((number) => contentOf(state, number) ?? []);
  return [...involved, ...instances.map(({ release }) => release.content)].some(mustRecreate);
}

const contentOf = (state: FleetState, number: ReleaseNumber | null): ReleaseContent | undefined =>
  number === null ? undefined : state.releases[number - 1]?.content;

const mustRecreate = (content: ReleaseContent | undefined): boolean =>
  content?.replace.strategy.kind === 'recreate' || content?.launch.volumes.some((volume) => volume.singleWriter) === true;

/**
 * Law 4, as an entry is written: through all steps of a canary the old group is whole, so that it carries everything at any
 * moment, however much of the traffic a failing canary has.
 */
export function leansOnCanary(state: FleetState | null, instances: readonly SimInstance[], entry: Entry): readonly string[] {
  if (state === null || entry.kind !== 'group.sized' || state.life !== 'active') return [];
  const { rollout, size } = state;
  const strategy = contentOf(state, rollout?.to ?? null)?.replace.strategy;
  if (rollout?.phase !== 'advancing' || strategy?.kind !== 'canary' || oneAtATime(state, instances)) return [];
  const sized = entry.data as { readonly group: GroupId; readonly size: number };
  const inSteps = rollout.canary.step < strategy.steps.length;
  return inSteps && releaseOf(sized.group) === rollout.from && sized.size < size
    ? [`law 4: r${rollout.from} shrinks to ${sized.size} of ${size} while r${rollout.to} is a canary`]
    : [];
}

/** Law 6: what waits past its own deadline. `now` is when the plan was made. */
export function overdue(plan: Plan, now: number): readonly string[] {
  const TICK_MS = 5000;
  return plan.waits
    .filter(({ until }) => until !== null && until + TICK_MS < now)
    .map(({ what, until }) => `law 6: it still waits for "${what}", ${now - (until ?? 0)} ms after its deadline`);
}

/**
 * No more new instances than the next checkpoint of the rollout allows, as an entry is written and before it counts.
 * `sizes`: of the groups so far. Where only one instance may live at a time there is nothing to stand still between.
 */
export function passesCheckpoint(
  state: FleetState | null,
  { kind, data }: Entry,
  sizes: ReadonlyMap<GroupId, number>,
): readonly string[] {
  const { rollout } = state ?? {};
  if (kind !== 'group.sized' || state == null || rollout?.to == null || rollout.from === null) return [];
  const present = [...sizes].filter(([, size]) => size > 0).map(([group]) => releaseOf(group));
  if ([...present, rollout.from, rollout.to].some((release) => mustRecreate(contentOf(state, release)))) return [];
  const { group, size } = data as { readonly group: GroupId; readonly size: number };
  const strategy = contentOf(state, rollout.to)?.replace.strategy;
  if (rollout.phase !== 'advancing' || strategy?.kind !== 'rolling' || group !== groupId(FLEET, rollout.to)) return [];
  const ahead = strategy.checkpoints?.[rollout.checkpoints.passed];
  const allowed = Math.max(sizes.get(group) ?? 0, Math.ceil((state.size * (ahead?.percent ?? 100)) / 100));
  return size > allowed ? [`${group} grows to ${size}, past a checkpoint at ${ahead?.percent} % that allows ${allowed}`] : [];
}

/** Law 5, what was tested is what serves: no rollout ends well whose newest verdict was a failure. */
export function servesWhatFailed(state: FleetState | null, entry: Entry): readonly string[] {
  const event = fleetEventOf(entry);
  const failed = state?.rollout?.canary.judged?.verdict.verdict === 'fail';
  return failed && state?.rollout?.phase === 'advancing' && event?.kind === 'rollout.finished' && event.outcome === 'done'
    ? [`law 5: r${state.rollout.to} serves although the judge failed it`]
    : [];
}

/**
 * As an entry is written and before it counts: no rollout goes on past an alarm that has held for its time, or ends well. What
 * was planned before that time came may still be carried out.
 */
export function goesPastAlarm(state: FleetState | null, entry: Entry): readonly string[] {
  const event = fleetEventOf(entry);
  const ended = event?.kind === 'rollout.finished' && event.outcome === 'done';
  // Whoever promotes it may not know of the alarm yet; it ends the rollout all the same.
  const passed = event?.kind === 'canary.passed' && event.why !== 'promoted';
  if (state?.rollout?.phase !== 'advancing' || !(ended || passed)) return [];
  const { to, alarms } = state.rollout;
  return (contentOf(state, to)?.replace.alarms ?? []).flatMap(({ name, forMs }) => {
    const held = alarms[name];
    const due = held === undefined || held.standing ? Infinity : held.since + forMs;
    return entry.at > due + (forMs === 0 ? 0 : LONGEST_CALL_MS) ? [`law 6: r${to} goes on past the alarm ${name}`] : [];
  });
}

/** A plan's steps can hang for so long. */
const LONGEST_CALL_MS = 70_000;

/**
 * Law 5, as an entry is written and before it counts: the way back stays until its window has passed. A revoked release is
 * none (law 1): what is left of it may go before.
 */
export function closesWayBack(state: FleetState | null, entry: Entry, isRevoked: (image: Digest) => boolean): readonly string[] {
  if (state === null || state.life !== 'active') return [];
  const { at, kind, data } = entry;
  if (kind === 'group.deleted') {
    const release = releaseOf((data as { readonly group: GroupId }).group);
    const covered = state.warm.some((warm) => warm.release === release && warm.until > at);
    return covered ? [`law 5: r${release} was deleted before its window had passed`] : [];
  }
  const event = fleetEventOf(entry);
  if (event?.kind !== 'rollout.finished' || event.outcome !== 'done') return [];
  const { serving, rollout } = state;
  if (serving === null || serving === rollout?.to || serving !== rollout?.from) return [];
  const before = contentOf(state, serving);
  if (before !== undefined && isRevoked(before.image)) return [];
  const keepMs = contentOf(state, rollout.to)?.replace.keepMs ?? 0;
  const kept = event.warm.some((warm) => warm.release === serving && warm.until >= at + keepMs);
  return kept ? [] : [`law 5: r${serving} is not kept for ${keepMs} ms after r${rollout.to} took over`];
}

/** Law 4: what Kiln does by itself with a fleet at rest. It never shrinks a fleet that moves, and replaces one instance at a time. */
export function actsAtRest(state: FleetState | null, entry: Entry): readonly string[] {
  const event = fleetEventOf(entry);
  if (state === null || event === null) return [];
  if (event.kind === 'size.set' && event.load !== undefined) {
    const { size, rollout, bounds } = state;
    const shrinks = event.size < size && rollout !== null;
    const outside = bounds !== null && (event.size < bounds.min || event.size > bounds.max);
    return [
      ...(shrinks ? [`law 4: the fleet shrinks by itself to ${event.size} during a rollout`] : []),
      ...(outside ? [`law 4: the fleet goes by itself to ${event.size}, out of its bounds`] : []),
    ];
  }
  if (event.kind !== 'recycle.started') return [];
  const moving = state.rollout !== null || state.life !== 'active';
  return [
    ...(moving ? ['law 4: an instance is replaced for its age while the fleet moves'] : []),
    ...(state.recycled === null ? [] : ['law 4: two instances are replaced for their age at once']),
  ];
}

/** Law 4, as an instance is killed in an experiment: enough others that were healthy when they were seen last go on serving. */
export function killsTooMany(
  state: FleetState | null,
  instances: readonly SimInstance[],
  routing: RoutingTable | undefined,
  victim: InstanceId,
): readonly string[] {
  const { experiment, bounds } = state ?? {};
  if (experiment?.victims.includes(victim) !== true) return [`law 4: ${victim} is killed, and nobody asked for it`];
  if (experiment.overruled.length > 0) return [];
  const serving = new Set(routing?.groups.flatMap(({ group, weight }) => (weight > 0 ? [group] : [])));
  const sound = instances.filter(
    ({ id, group, reportedHealthy }) => id !== victim && reportedHealthy && (serving.size === 0 || serving.has(group)),
  );
  const floor = Math.max(1, bounds?.min ?? 1);
  return sound.length >= floor ? [] : [`law 4: killing ${victim} leaves ${sound.length}, the floor is ${floor}`];
}

/** Law 1, read off the journal: the images of which nothing may start at `now`. */
export const revokedBy = (entries: readonly Entry[], now: number): ReadonlySet<Digest> =>
  new Set(
    entries
      .filter(({ kind }) => kind === 'image.revoked')
      .map(({ data }) => data as unknown as { readonly image: Digest; readonly since: number })
      .filter(({ since }) => since <= now)
      .map(({ image }) => image),
  );

/** A behaviour under which a group comes to rest at its size. */
export const settles = (behaviour: Behaviour | undefined): boolean => behaviour?.kind === 'good' || behaviour?.kind === 'lies';

export interface RestSeen {
  readonly state: FleetState;
  readonly instances: readonly SimInstance[];
  readonly jobs: readonly JobId[];
  readonly routing: RoutingTable | undefined;
  readonly behaviourOf: (content: ReleaseContent) => Behaviour | undefined;
  readonly isRevoked: (content: ReleaseContent) => boolean;
}

/** Laws 5, 7 and 8 at rest, with all windows passed: what is still wrong; empty where the fleet is as it should be. */
export function unrest({ state, instances, jobs, routing, behaviourOf, isRevoked }: RestSeen): readonly string[] {
  const { rollout, serving, size } = state;
  if (jobs.length > 0) return jobs.map((job) => `${job} is left`);
  if (isHeld(state)) return [];
  if (state.life === 'retired') return instances.map(({ id }) => `${id} is left of a removed fleet`);
  if (state.life === 'stopped') return instances.map(({ id }) => `${id} is left of a stopped fleet`);
  if (state.life === 'retiring') return ['the fleet is still being removed'];
  const target = contentOf(state, rollout === null ? serving : rollout.to);
  // Of a revoked image nothing is launched again: what is left of it is what there is.
  const steady = target === undefined || (settles(behaviourOf(target)) && !isRevoked(target));
  if (rollout?.phase === 'attention' && !steady) return [];
  if (rollout !== null) return [`a rollout to r${rollout.to} is still ${rollout.phase}`];
  if (state.warm.length > 0) return [`r${state.warm[0]?.release} is still warm`];
  if (state.experiment !== null) return ['an experiment is still under way'];
  if (state.recycled !== null) return [`${state.recycled.instance} is still being replaced for its age`];
  if (serving === null) return instances.map(({ id }) => `${id} is left in an empty fleet`);
  const group = groupId(FLEET, serving);
  const wrong = instances
    .filter((each) => each.group !== group || each.release.hash !== state.releases[serving - 1]?.hash)
    .map(({ id }) => `${id} is not of the serving release r${serving}`);
  if (!steady) return wrong;
  const healthy = instances.filter((each) => each.group === group && each.health.status === 'healthy').length;
  const count =
    healthy === size && instances.length === size ? [] : [`${healthy} healthy of ${instances.length}, wanted ${size}`];
  return [...wrong, ...count, ...(target?.routing.listen == null ? [] : unrouted(routing, group, size))];
}

function unrouted(routing: RoutingTable | undefined, group: string, size: number): readonly string[] {
  const weights = (routing?.groups ?? []).filter(({ weight }) => weight > 0).map((each) => `${each.group}=${each.weight}`);
  const ready = routing?.groups.flatMap(({ endpoints }) => endpoints).filter(({ state }) => state === 'ready').length ?? 0;
  const all =
    weights.join(' ') === `${group}=10000` ? [] : [`the traffic goes to ${weights.join(' ') || 'nobody'}, not to ${group}`];
  return ready === size ? all : [...all, `${ready} endpoints are ready, wanted ${size}`];
}
