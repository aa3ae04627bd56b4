/**
 * The second pair of eyes: checks a plan against the laws by walking its steps through a small model of the fleet. Written
 * apart from the planner and sharing none of its reasoning, so that one mistake is not made twice. A plan that it objects to
 * is not executed.
 */
import { groupId, groupOf, releaseOf, type GroupId, type InstanceId } from '../domain/ids.ts';
import type { Revoked } from '../domain/revocation.ts';
import type { FleetObservation, Traffic } from '../engines/engine.ts';
import type { FleetEvent } from './events.ts';
import { endBarred, jobBarred, launchBarred, trafficBarred } from './lint-tasks.ts';
import type { Plan, Step } from './plan.ts';
import { fold, type FleetState } from './state.ts';

interface Model {
  state: FleetState;
  readonly now: number;
  readonly revoked: Revoked;
  readonly sizes: Map<GroupId, number>;
  readonly healthy: Map<GroupId, number>;
  traffic: Traffic;
  readonly observed: FleetObservation;
}

/** What is wrong with the plan, in the words of the laws; empty where nothing is. */
export function lintPlan(
  plan: Plan,
  state: FleetState,
  observed: FleetObservation,
  { now, revoked }: { readonly now: number; readonly revoked: Revoked },
): readonly string[] {
  const model: Model = {
    state,
    now,
    revoked,
    sizes: new Map(observed.groups.map((group) => [group.group, group.size])),
    healthy: new Map(observed.groups.map((group) => [group.group, group.healthySince.length])),
    traffic: observed,
    observed,
  };
  const objections = plan.steps.flatMap((step) => {
    const before = capacity(model);
    const wrong = apply(model, step);
    const after = capacity(model);
    const floor = Math.min(before, floorOf(model));
    // An experiment lowers it on purpose, within its own floor.
    return after < floor && step.kind !== 'kill-instance'
      ? [...wrong, `law 4: ${describe(step)} leaves ${after} healthy instances serving, the floor is ${floor}`]
      : wrong;
  });
  return plan.basis === state.seq ? objections : ['law 7: the plan was made from an older state'];
}

/** Healthy instances in groups that take traffic. */
const capacity = (model: Model): number =>
  [...model.sizes].reduce(
    (sum, [group, size]) => sum + ((model.traffic.weights[group] ?? 0) > 0 ? Math.min(size, model.healthy.get(group) ?? 0) : 0),
    0,
  );

/** What must go on serving. Nothing when the fleet is being removed, or when only one instance may live at a time. */
function floorOf({ state, sizes }: Model): number {
  if (state.life !== 'active' || state.rollout?.to === null) return 0;
  const contents = state.releases.map((release) => release.content);
  const present = [...sizes].filter(([, size]) => size > 0).map(([group]) => releaseOf(group));
  const involved = [state.serving, state.rollout?.from, state.rollout?.to, ...present].flatMap((number) =>
    number == null ? [] : [contents[number - 1]],
  );
  const single = involved.some(
    (content) => content?.replace.strategy.kind === 'recreate' || content?.launch.volumes.some((volume) => volume.singleWriter),
  );
  if (single) return 0;
  const strategy = state.rollout?.to == null ? undefined : contents[state.rollout.to - 1]?.replace.strategy;
  const percent = strategy?.kind === 'rolling' && state.rollout?.phase === 'advancing' ? strategy.minHealthyPercent : 100;
  return Math.ceil((state.size * percent) / 100);
}

function apply(model: Model, step: Step): readonly string[] {
  switch (step.kind) {
    case 'record':
      return record(model, step.event);
    case 'ensure-image':
      return [];
    case 'ensure-group':
      model.sizes.set(step.group, step.size);
      return [
        ...launchBarred(model.state, step.release, step.size),
        ...(groupId(model.state.fleet, step.release) === step.group
          ? []
          : [`law 1: ${step.group} is not the group of r${step.release}`]),
      ];
    case 'retire-instance':
      return retireInstance(model, step.instance, step.size);
    case 'kill-instance':
      return killInstance(model, step.instance);
    case 'start-job':
      return jobBarred(model.state, step.release, step.task, model.observed);
    case 'end-job':
      return endBarred(model.state, step.job);
    case 'run-task':
      return [];
    case 'set-traffic':
      return setTraffic(model, step);
    case 'delete-group':
      return deleteGroup(model, step.group);
    case 'forget-fleet':
      return model.sizes.size === 0 ? [] : ['law 7: the fleet is forgotten while it has groups'];
  }
}

/** The window of a way back is over when its time has come, and not before; what was revoked is no way back. */
function record(model: Model, event: FleetEvent): readonly string[] {
  const warm = event.kind === 'warm.expired' ? model.state.warm.find((each) => each.release === event.release) : undefined;
  const unsafe = event.kind === 'size.set' && event.load !== undefined ? sized(model.state, event.size) : [];
  model.state = fold(model.state, event, model.state.seq, model.now);
  const image = warm === undefined ? undefined : model.state.releases[warm.release - 1]?.content.image;
  const isRevoked = image !== undefined && model.revoked(image) !== null;
  const early = warm !== undefined && warm.until > model.now && !isRevoked;
  return early ? [...unsafe, `law 5: r${warm.release} expires before its window has passed`] : unsafe;
}

/** By itself a fleet stays within its bounds, and does not shrink while a rollout counts on its size. */
function sized({ bounds, rollout, size: before }: FleetState, size: number): readonly string[] {
  const within = bounds === null || (size >= bounds.min && size <= bounds.max);
  return [
    ...(within ? [] : [`law 4: ${size} instances are out of the fleet's bounds`]),
    ...(size < before && rollout !== null ? [`law 4: the fleet would shrink to ${size} during a rollout`] : []),
  ];
}

/** It is one of those that are counted as healthy, or one more stays than that. */
function retireInstance(model: Model, instance: InstanceId, size: number): readonly string[] {
  const group = groupOf(instance);
  const before = model.sizes.get(group) ?? 0;
  model.sizes.set(group, size);
  return size === before - 1 ? [] : [`law 4: ${instance} alone goes, and ${group} is left with ${size} of ${before}`];
}

/** Only a victim of the experiment that is under way; and no more than its floor allows, unless a person has overruled that. */
function killInstance(model: Model, instance: InstanceId): readonly string[] {
  const { experiment } = model.state;
  const group = groupOf(instance);
  model.healthy.set(group, (model.healthy.get(group) ?? 0) - 1);
  if (experiment?.victims.includes(instance) !== true) return [`law 4: ${instance} is killed, and no experiment asks for it`];
  const routed = [...model.healthy].filter(([each]) => (model.traffic.weights[each] ?? 0) > 0);
  const left = (routed.length > 0 ? routed : [...model.healthy]).reduce((sum, [, count]) => sum + count, 0);
  return left < experiment.floor && experiment.overruled.length === 0
    ? [`law 4: killing ${instance} leaves ${left} healthy instances, the floor of the experiment is ${experiment.floor}`]
    : [];
}

function setTraffic(model: Model, traffic: Traffic): readonly string[] {
  const { weights, canary } = traffic;
  const entries = Object.entries(weights) as [GroupId, number][];
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  const none = total === 0 && (floorOf(model) === 0 || capacity(model) === 0);
  const sum = total === 10_000 || none ? [] : [`the weights sum to ${total}, not to 10,000`];
  const more = entries.filter(([group, weight]) => weight > (model.traffic.weights[group] ?? 0)).map(([group]) => group);
  const matching = canary !== null && canary.matches.length > (model.traffic.canary?.matches.length ?? 0) ? [canary.group] : [];
  const sick = [...more, ...matching].filter((group) => (model.healthy.get(group) ?? 0) === 0);
  const barred = trafficBarred(model.state, [...entries.map(([group]) => group), ...(canary === null ? [] : [canary.group])]);
  model.traffic = traffic;
  return [...sum, ...barred, ...sick.map((group) => `law 3: ${group} would get traffic and has no healthy instance`)];
}

function deleteGroup(model: Model, group: GroupId): readonly string[] {
  const { state } = model;
  model.sizes.delete(group);
  const release = releaseOf(group);
  const { weights, canary } = model.traffic;
  const routed = (weights[group] ?? 0) > 0 || canary?.group === group;
  const serves = routed ? [`law 3: ${group} is deleted while it takes traffic`] : [];
  const wayBack =
    state.life === 'active' &&
    (state.warm.some((warm) => warm.release === release) ||
      (state.rollout?.phase === 'advancing' && state.rollout.from === release));
  return wayBack ? [...serves, `law 5: ${group} is deleted while it is the way back`] : serves;
}

const describe = (step: Step): string => ('group' in step ? `${step.kind} ${step.group}` : step.kind);
