/** What a fleet is doing, put together from its state, its last plan and what is observed now. */
import type { FleetStatusBody, ReleaseBody } from '../api/schema.ts';
import type { ReferenceState } from '../config/configuration.ts';
import { releaseOf, type GroupId, type ReleaseNumber } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import { whyRevoked, type Revoked } from '../domain/revocation.ts';
import type { Measurement } from '../domain/upkeep.ts';
import type { FleetObservation, InstanceObservation } from '../engines/engine.ts';
import type { Plan } from '../plan/plan.ts';
import { scaleOf } from '../plan/scale.ts';
import type { FleetState } from '../plan/state.ts';
import { stepKind, stepText, stickyText, weightAt } from '../plan/strategies/canary-step.ts';
import { worldOf } from '../plan/world.ts';
import { alarmsInStatus, metricsInStatus } from './metric-status.ts';
import { pinnedBody, referencesIn, stateBody } from './references.ts';
import { tasksInStatus } from './task-status.ts';

export interface Seen {
  readonly revoked: Revoked;
  readonly state: FleetState;
  /** Null where it could not be observed. */
  readonly observed: FleetObservation | null;
  readonly plan: Plan | null;
  readonly load: readonly Measurement[] | null;
  readonly now: number;
  readonly instances: readonly InstanceObservation[];
  readonly trouble: string | null;
  readonly drifted: readonly ReferenceState[];
  /** Alarms that could not be read. */
  readonly unreadable: ReadonlyMap<string, string>;
}

export function statusOf(seen: Seen): FleetStatusBody {
  const { state, revoked, observed, plan, instances, trouble, drifted } = seen;
  const { rollout, serving, ended } = state;
  const target = rollout === null ? serving : rollout.to;
  const routing = releaseIn(state, serving ?? target)?.content.routing;
  const waits = plan?.waits ?? [];
  return {
    fleet: state.fleet,
    phase: phaseOf(state),
    paused: rollout !== null && rollout.pausedAt !== null,
    target,
    serving,
    size: state.size,
    scaling: scalingOf(seen),
    since: state.downSince ?? rollout?.startedAt ?? ended?.at ?? state.releases.at(-1)?.createdAt ?? 0,
    deadline: earliest(waits.map(({ until }) => until)),
    waits: waits.map(({ what, ...wait }) => ({ ...wait, reason: what })),
    groups: groupsOf(state, observed, revoked),
    instances: instances.map(instanceOf),
    listen: routing?.listen ?? null,
    preview: routing?.preview ?? null,
    reason: rollout?.reason ?? null,
    trouble: trouble ?? observed?.trouble ?? null,
    canary: canaryOf(state),
    alarms: alarmsInStatus(state, seen.unreadable),
    checkpoint: checkpointOf(state),
    tasks: tasksInStatus(state),
    brokenGlass: releaseIn(state, target ?? serving)?.brokenGlass ?? null,
    drift: drifted.map(stateBody),
    ended: ended === null ? null : { to: ended.to, outcome: ended.outcome, reason: ended.reason, at: ended.at },
  };
}

function scalingOf({ state, revoked, observed, load, now }: Seen): FleetStatusBody['scaling'] {
  const world = observed === null ? null : worldOf(state, observed, { now, revoked, metrics: null, load });
  const scaling = world === null ? null : scaleOf(world, load);
  if (scaling === null) return null;
  const { why, until } = scaling;
  const measured = (load ?? []).map(({ kind, each, total }) => ({ kind, each, total }));
  const { min, max } = state.bounds ?? { min: 1, max: state.size };
  return { load: measured, min, max, why, until, held: state.held !== null };
}

function canaryOf(state: FleetState): FleetStatusBody['canary'] {
  const { rollout } = state;
  const strategy = releaseIn(state, rollout?.to ?? null)?.content.replace.strategy;
  if (rollout?.phase !== 'advancing' || strategy?.kind !== 'canary') return null;
  const { step: number, judged } = rollout.canary;
  const { length } = strategy.steps;
  const step = strategy.steps[number];
  return {
    step: Math.min(number, length),
    steps: length,
    kind: step === undefined ? null : stepKind(step),
    what: step === undefined ? 'on its way to all traffic' : stepText(step),
    weight: step === undefined ? null : weightAt(strategy, number, state.size),
    sticky: strategy.sticky === undefined ? null : stickyText(strategy.sticky),
    verdict: judged?.verdict ?? null,
    metrics: metricsInStatus(strategy.judge?.metrics?.metrics ?? [], rollout.canary),
  };
}

function checkpointOf(state: FleetState): FleetStatusBody['checkpoint'] {
  const { rollout } = state;
  const strategy = releaseIn(state, rollout?.to ?? null)?.content.replace.strategy;
  if (rollout?.phase !== 'advancing' || strategy?.kind !== 'rolling') return null;
  const { checkpoints = [] } = strategy;
  const { passed } = rollout.checkpoints;
  const next = checkpoints[passed];
  return next === undefined ? null : { number: passed + 1, of: checkpoints.length, percent: next.percent };
}

function phaseOf(state: FleetState): FleetStatusBody['phase'] {
  if (state.life === 'retiring' || state.life === 'stopped') return state.life;
  if (state.rollout !== null) return state.rollout.phase;
  return state.serving === null ? 'empty' : 'steady';
}

function groupsOf(state: FleetState, observed: FleetObservation | null, revoked: Revoked): FleetStatusBody['groups'] {
  return (observed?.groups ?? []).map(({ group, size, running, healthySince, failures, lastFailure, brakedUntil }) => ({
    group,
    release: releaseOf(group),
    size,
    running,
    healthy: healthySince.length,
    weight: observed?.weights[group] ?? 0,
    failures,
    lastFailure,
    brakedUntil,
    revoked: revokedGroup(state, group, revoked),
    warmUntil: state.warm.find(({ release }) => release === releaseOf(group))?.until ?? null,
  }));
}

function revokedGroup(state: FleetState, group: GroupId, revoked: Revoked): string | null {
  const image = releaseIn(state, releaseOf(group))?.content.image;
  const revocation = image === undefined ? null : revoked(image);
  return revocation === null ? null : whyRevoked(revocation);
}

const instanceOf = ({ id, group, launchedAt, address, health }: InstanceObservation): FleetStatusBody['instances'][number] => ({
  id,
  release: releaseOf(group),
  launchedAt,
  address,
  health: health.status,
  detail: 'detail' in health ? health.detail : null,
});

const releaseIn = (state: FleetState, number: ReleaseNumber | null): Release | undefined =>
  number === null ? undefined : state.releases[number - 1];

function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}

export const releaseBody = ({ number, hash, content, label, createdAt, brokenGlass }: Release): ReleaseBody => ({
  number,
  hash,
  image: content.image,
  strategy: content.replace.strategy.kind,
  label,
  createdAt,
  references: referencesIn(content).map(pinnedBody),
  brokenGlass: brokenGlass ?? null,
});
