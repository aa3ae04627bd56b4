/**
 * Experiments: instances that a person has killed, to see that the fleet heals. Which ones, what speaks against it, and the steps
 * of one that is under way. What comes of it is held against no release. Pure.
 */
import type { InstanceId } from '../domain/ids.ts';
import type { FleetObservation } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';
import type { FleetEvent } from './events.ts';
import { fractionOf } from './fraction.ts';
import type { Plan, Step, Wait } from './plan.ts';
import { releaseOfState, type FleetState } from './state.ts';
import { LAUNCH_MS } from './strategies/parts.ts';
import type { GroupView, World } from './world.ts';

/** How many, or which one. */
export type Kill = { readonly count: number } | { readonly percent: number } | { readonly instance: string };

export interface ChaosRequest {
  readonly kill: Kill;
  /** Decides which. */
  readonly seed: number;
  readonly forced: boolean;
  readonly by: string;
}

export interface ChaosPlan {
  readonly victims: readonly InstanceId[];
  /** Null: the victim was named. */
  readonly seed: number | null;
  /** Healthy instances of what serves, now and then; and how few they may be. */
  readonly healthy: number;
  readonly left: number;
  readonly floor: number;
  /** Empty where nothing speaks against it. */
  readonly objections: readonly string[];
}

/** Throws CHAOS_REFUSED for what no force can do, NOT_FOUND for a named instance that does not serve. */
export function planChaos(
  state: FleetState,
  observed: FleetObservation,
  { kill, seed }: Omit<ChaosRequest, 'by' | 'forced'>,
): ChaosPlan {
  const healthy = servingMembers(state, observed);
  if (state.life !== 'active') throw refused(state, `the fleet is ${state.life}`, '`kiln status` shows what it does');
  if (state.experiment !== null) throw refused(state, 'another experiment is under way', 'wait until the fleet is whole again');
  if (healthy.length === 0) throw refused(state, 'no healthy instance serves', '`kiln status` shows why');
  const victims = chosen(state, healthy, kill, seed);
  const left = healthy.length - victims.length;
  const floor = floorOf(state);
  const below = left < floor ? [`${left} of ${healthy.length} healthy instances would be left, and ${floor} is the least`] : [];
  const named = 'instance' in kill;
  return {
    victims,
    seed: named ? null : seed,
    healthy: healthy.length,
    left,
    floor,
    objections: [...below, ...critical(state, healthy.length)],
  };
}

/** What is recorded before anything is killed. Throws CHAOS_REFUSED where something speaks against it and nobody forces it. */
export function beginChaos(
  state: FleetState,
  observed: FleetObservation,
  request: ChaosRequest,
): { readonly plan: ChaosPlan; readonly event: FleetEvent } {
  const plan = planChaos(state, observed, request);
  const { victims, seed, floor, objections } = plan;
  const { forced, by } = request;
  if (objections.length > 0 && !forced) {
    throw refused(state, objections.join('; '), 'wait, kill fewer, or add --force: then nothing of this is heeded');
  }
  return { plan, event: { kind: 'chaos.begun', victims, seed, floor, overruled: forced ? objections : [], by } };
}

/** `instances.min` of kiln.yaml, and never none. */
const floorOf = ({ bounds }: FleetState): number => Math.max(1, bounds?.min ?? 1);

function critical({ rollout, recycled, size }: FleetState, healthy: number): readonly string[] {
  if (rollout !== null) return [`a rollout to ${rollout.to === null ? 'nothing' : `r${rollout.to}`} is under way`];
  if (recycled !== null) return ['an instance is being replaced for its age'];
  return healthy < size ? [`only ${healthy} of ${size} instances are healthy already`] : [];
}

/** Of what takes the traffic; where nothing takes any, of the release that serves. */
function servingMembers(
  state: FleetState,
  { groups, weights }: Pick<FleetObservation, 'groups' | 'weights'>,
): readonly InstanceId[] {
  const weighted = groups.filter(({ group }) => (weights[group] ?? 0) > 0);
  const serving = weighted.length > 0 ? weighted : groups.filter(({ group }) => group.endsWith(`.r${state.serving}`));
  return serving.flatMap(({ members }) => members.flatMap(({ instance, healthy }) => (healthy ? [instance] : []))).toSorted();
}

function chosen(state: FleetState, healthy: readonly InstanceId[], kill: Kill, seed: number): readonly InstanceId[] {
  if ('instance' in kill) {
    const found = healthy.filter((id) => id === kill.instance || id.endsWith(`.${kill.instance}`));
    if (found.length > 0) return found;
    throw new KilnError('NOT_FOUND', `${state.fleet} has no healthy instance ${kill.instance} that serves`, {
      hint: '`kiln status --json` lists its instances',
    });
  }
  const count = 'count' in kill ? kill.count : Math.max(1, Math.floor((healthy.length * kill.percent) / 100));
  if (count > healthy.length) throw refused(state, `${count} cannot be killed of ${healthy.length}`, 'kill fewer');
  const drawn = healthy.toSorted((a, b) => fractionOf(`${seed} ${a}`) - fractionOf(`${seed} ${b}`));
  return drawn.slice(0, count).toSorted();
}

const refused = ({ fleet }: FleetState, why: string, hint: string): KilnError =>
  new KilnError('CHAOS_REFUSED', `${fleet}: ${why}`, { hint });

/** Victims that have not been killed by then, as where the daemon died meanwhile, are spared: the fleet is another by now. */
export const KILL_WITHIN_MS = 10_000;

/** The kills of an experiment that is under way come before all else, and its end when the fleet is whole again, or late. */
export function withExperiment(world: World, plan: Plan): Plan {
  const { state, now } = world;
  const { experiment } = state;
  if (experiment === null) return plan;
  const { at, victims, floor, overruled, id } = experiment;
  const alive = victims.filter((victim) =>
    world.groups.some(({ members }) => members.some(({ instance }) => instance === victim)),
  );
  const spared = now >= at + KILL_WITHIN_MS;
  const over = alive.length === 0 || spared;
  const deadline = deadlineOf(world, at);
  if (over && (isWhole(world) || now >= deadline)) {
    const outcome = alive.length === victims.length ? 'spared' : isWhole(world) ? 'whole' : 'late';
    return {
      ...plan,
      steps: [
        { kind: 'record', event: { kind: 'chaos.ended', id, outcome, killed: victims.length - alive.length, tookMs: now - at } },
      ],
    };
  }
  const room = overruled.length > 0 ? alive.length : Math.max(0, healthyOf(world) - floor);
  const kills = over
    ? []
    : alive.slice(0, room).map((instance): Step => ({ kind: 'kill-instance', instance, why: whyKilled(experiment.by) }));
  const what = over ? 'the fleet to be whole again after an experiment' : `an experiment to kill ${alive.join(', ')}`;
  const wait: Wait = { state: 'experiment', what, until: deadline, otherwise: 'is kept as late, and heals all the same' };
  const wakeAt = Math.min(plan.wakeAt ?? Infinity, over ? deadline : at + KILL_WITHIN_MS);
  // What else was planned counts on those that are killed.
  return { ...plan, steps: kills.length > 0 ? kills : plan.steps, waits: [wait, ...plan.waits], wakeAt };
}

const whyKilled = (by: string): string => `killed in an experiment of ${by}`;

function deadlineOf({ state }: World, at: number): number {
  const number = state.rollout?.to ?? state.serving;
  const content = number === null ? null : releaseOfState(state, number).content;
  const patienceMs = content === null ? 0 : content.health.deadlineMs + content.replace.warmUpMs + content.health.everyMs;
  return at + KILL_WITHIN_MS + LAUNCH_MS + patienceMs;
}

const servingViews = ({ groups, state }: World): readonly GroupView[] => {
  const weighted = groups.filter(({ weight }) => weight > 0);
  return weighted.length > 0 ? weighted : groups.filter(({ release }) => release === state.serving);
};

const healthyOf = (world: World): number => servingViews(world).reduce((sum, { healthy }) => sum + healthy, 0);

const isWhole = (world: World): boolean =>
  servingViews(world).every(({ ready, size }) => ready >= size) &&
  (world.state.rollout !== null || healthyOf(world) >= world.size);
