/**
 * What people ask for, decided against the state: a command in, events out, or a KilnError that says why not. Pure.
 * What is already so is no event at all: every command can be given twice.
 */
import { KilnError } from '../errors/error.ts';
import { shortDigest, type Digest } from '../domain/digest.ts';
import type { ReleaseNumber } from '../domain/ids.ts';
import { canonicalJson } from '../domain/json.ts';
import type { Release } from '../domain/release.ts';
import { titleOf } from '../domain/task.ts';
import { whyRevoked, type Revoked } from '../domain/revocation.ts';
import type { Upkeep } from '../domain/upkeep.ts';
import type { FleetEvent } from './events.ts';
import { whyNoReturn } from './no-return.ts';
import { releaseOfState, type Bounds, type FleetState } from './state.ts';
import { taskUnderWay } from './tasks.ts';
import { newestOnTrail, wayBack } from './way-back.ts';

export type Command =
  | {
      readonly kind: 'deploy';
      readonly release: Release;
      /** For a fleet whose size follows its load: only where it has none yet. */
      readonly size: number;
      readonly bounds: Bounds | null;
      /** Absent: as it is. */
      readonly upkeep?: Upkeep;
    }
  /** `pastNoReturn`: a point of no return on the way is overruled; absent: it is heeded. */
  | { readonly kind: 'rollback'; readonly to: ReleaseNumber | null; readonly pastNoReturn?: boolean }
  /** `until`: when a size that follows the load otherwise is given back; absent: when somebody does (`auto`). */
  | { readonly kind: 'scale'; readonly size: number | 'auto'; readonly until?: number }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'abort'; readonly pastNoReturn?: boolean }
  | { readonly kind: 'approve'; readonly by: string }
  /** Past the present step or checkpoint, or past all of them. */
  | { readonly kind: 'promote'; readonly past: 'step' | 'all' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'start' }
  | { readonly kind: 'retire' };

export function decide(state: FleetState, command: Command, revoked: Revoked): readonly FleetEvent[] {
  switch (command.kind) {
    case 'deploy':
      return deploy(state, command, revoked);
    case 'rollback':
      return rollback(state, command, revoked);
    case 'scale':
      return command.size === 'auto' ? giveBack(state) : scale(state, command.size, command.until ?? null, revoked);
    case 'pause':
      return pause(state);
    case 'resume':
      return resume(state);
    case 'abort':
      return abort(state, 'aborted', revoked, command.pastNoReturn ?? false);
    case 'approve':
      return approve(state, command.by);
    case 'promote':
      return promote(state, command.past);
    case 'stop':
      return state.life === 'active' ? [{ kind: 'fleet.stopped' }] : [];
    case 'start':
      return state.life === 'stopped' ? [{ kind: 'fleet.started' }] : [];
    case 'retire':
      return state.life === 'active' || state.life === 'stopped' ? [{ kind: 'fleet.retiring' }] : [];
  }
}

/** The number that the next release will have. */
export const nextRelease = (state: FleetState): ReleaseNumber => (state.releases.length + 1) as ReleaseNumber;

function deploy(state: FleetState, command: DeployCommand, revoked: Revoked): readonly FleetEvent[] {
  const { release } = command;
  requireStartable(release.content.image, revoked, 'bake another image and deploy that');
  if (state.life === 'retiring') throw busy(state, 'the fleet is being removed', 'deploy again once it is gone');
  if (state.life === 'stopped') throw busy(state, 'the fleet is stopped', '`kiln up` starts it; then deploy');
  const resize = resized(state, command);
  const { rollout, serving } = state;
  if (hashOf(state, rollout === null ? serving : rollout.to) === release.hash && rollout?.phase !== 'attention') return resize;
  const isBack = rollout?.phase === 'advancing' && hashOf(state, rollout.from) === release.hash;
  // Past a point of no return it is a new release, as any that a person deploys.
  if (isBack && whyNoReturn(state, rollout.from) === null) {
    return [...resize, ...abort(state, `superseded by a deploy of r${rollout.from}`, revoked, false)];
  }
  const start: FleetEvent = { kind: 'rollout.started', from: serving, to: release.number, cause: 'deploy', reason: 'deploy' };
  return [{ kind: 'release.made', release }, ...resize, start];
}

type DeployCommand = Extract<Command, { kind: 'deploy' }>;

/** What of a deploy is the fleet's and not the release's. */
function resized(state: FleetState, { size: desired, bounds, upkeep = state.upkeep }: DeployCommand): readonly FleetEvent[] {
  const follows = upkeep.scale !== null && state.serving !== null;
  const size = follows ? Math.min(bounds?.max ?? Infinity, Math.max(bounds?.min ?? 0, state.size)) : desired;
  const rebound = bounds !== null && (bounds.min !== state.bounds?.min || bounds.max !== state.bounds.max);
  return [
    ...(size === state.size ? [] : [{ kind: 'size.set', size } as const]),
    ...(rebound ? [{ kind: 'bounds.set', ...bounds } as const] : []),
    ...(sameUpkeep(upkeep, state.upkeep) ? [] : [{ kind: 'upkeep.set', ...upkeep } as const]),
  ];
}

const sameUpkeep = (a: Upkeep, b: Upkeep): boolean => canonicalJson(a) === canonicalJson(b);

const hashOf = (state: FleetState, number: ReleaseNumber | null): string | null =>
  number === null ? null : (state.releases[number - 1]?.hash ?? null);

function rollback(
  state: FleetState,
  { to: asked, pastNoReturn = false }: Extract<Command, { kind: 'rollback' }>,
  revoked: Revoked,
): readonly FleetEvent[] {
  const { rollout, serving } = state;
  const before = rollout?.phase === 'advancing' ? wayBack(state, rollout.from, revoked) : newestOnTrail(state, revoked);
  const to = asked ?? before;
  if (state.life === 'stopped') throw busy(state, 'the fleet is stopped', '`kiln up` starts it; then roll back');
  if (to === null || state.life !== 'active') throw noWayBack(state);
  const release = state.releases[to - 1];
  if (release === undefined) throw unknownRelease(state, to);
  requireStartable(release.content.image, revoked, '`kiln rollback` without --to goes to the newest that is not revoked');
  if (rollout === null ? serving === to : rollout.to === to) return [];
  if (rollout !== null && to === serving) return abort(state, 'rollback', revoked, pastNoReturn);
  if (state.barred.some((barred) => barred.release === to)) throw untried(state, to);
  requireReturn(state, to, pastNoReturn);
  // From what serves, not from what a rollout was about to put there: only what served is a way back (law 5).
  return [{ kind: 'rollout.started', from: serving, to, cause: 'rollback', reason: 'rollback' }];
}

/** By a person: from then on the size does not follow the load, until it is given back. */
function scale(state: FleetState, size: number, until: number | null, revoked: Revoked): readonly FleetEvent[] {
  const isHeld = state.upkeep.scale === null || (state.held !== null && state.held.until === until);
  const hold: readonly FleetEvent[] = isHeld ? [] : [{ kind: 'scaling.held', until }];
  if (size === state.size) return hold;
  if (state.releases.length === 0 || state.life !== 'active') throw busy(state, 'nothing is deployed', 'run `kiln deploy` first');
  const limit = state.releases.at(-1)?.content.launch.volumes.find((volume) => volume.singleWriter);
  if (size > 1 && limit !== undefined) {
    throw outOfBounds(
      state,
      `the volume "${limit.name}" has a single writer`,
      'a fleet with a single-writer volume has one instance',
    );
  }
  const serving = state.rollout?.to ?? state.serving;
  if (serving !== null && size > state.size) {
    requireStartable(releaseOfState(state, serving).content.image, revoked, 'deploy another image, then scale');
  }
  const { bounds } = state;
  if (bounds !== null && (size < bounds.min || size > bounds.max)) {
    throw outOfBounds(
      state,
      `${size} is not between ${bounds.min} and ${bounds.max}`,
      'change `instances` in kiln.yaml and deploy',
    );
  }
  return [{ kind: 'size.set', size }, ...hold];
}

function giveBack(state: FleetState): readonly FleetEvent[] {
  if (state.upkeep.scale === null) {
    throw outOfBounds(
      state,
      'its size does not follow its load',
      'say what it is to follow as `run.scale` in kiln.yaml, and deploy',
    );
  }
  return state.held === null ? [] : [{ kind: 'scaling.resumed' }];
}

function pause(state: FleetState): readonly FleetEvent[] {
  if (state.rollout === null) throw busy(state, 'no rollout is under way', '`kiln status` shows what the fleet does');
  if (state.rollout.phase !== 'advancing') throw busy(state, 'the fleet is on its way back', 'a way back cannot be paused');
  return state.rollout.pausedAt === null ? [{ kind: 'rollout.paused' }] : [];
}

function resume(state: FleetState): readonly FleetEvent[] {
  if (state.rollout === null) throw busy(state, 'no rollout is under way', '`kiln status` shows what the fleet does');
  return state.rollout.pausedAt === null ? [] : [{ kind: 'rollout.resumed' }];
}

/** By a person, against whatever the judge still waits for. The instances must be healthy all the same. */
function promote(state: FleetState, past: 'step' | 'all'): readonly FleetEvent[] {
  const { rollout } = state;
  if (rollout?.phase !== 'advancing' || rollout.to === null) {
    throw busy(state, 'no rollout is under way that could be promoted', '`kiln status` shows what the fleet does');
  }
  const underWay = taskUnderWay(state, rollout.id);
  if (underWay !== null) {
    const isApproval = underWay.task.kind === 'approval';
    const hint = isApproval ? '`kiln approve` is how a person approves' : 'it cannot be passed by; `kiln abort` goes back';
    throw busy(state, `the rollout waits for its ${titleOf(underWay.task)}`, hint);
  }
  const { strategy } = releaseOfState(state, rollout.to).content.replace;
  if (strategy.kind === 'rolling' && strategy.checkpoints !== undefined) {
    const next = pastOne(rollout.checkpoints.passed, strategy.checkpoints.length, past);
    return next === null ? [] : [{ kind: 'checkpoint.passed', passed: next, why: 'promoted' }];
  }
  if (strategy.kind !== 'canary') throw busy(state, `a ${strategy.kind} rollout has no steps`, 'it goes on by itself');
  const next = pastOne(rollout.canary.step, strategy.steps.length, past);
  return next === null ? [] : [{ kind: 'canary.passed', next, why: 'promoted' }];
}

/** Null: all of them are behind already. */
const pastOne = (passed: number, of: number, past: 'step' | 'all'): number | null =>
  passed >= of ? null : past === 'all' ? of : passed + 1;

/** Back to where the rollout came from. A way back is not aborted: it is what abort leads to. */
function abort(state: FleetState, reason: string, revoked: Revoked, pastNoReturn: boolean): readonly FleetEvent[] {
  const { rollout } = state;
  if (rollout === null) throw busy(state, 'no rollout is under way', 'to go back to an earlier release run `kiln rollback`');
  if (rollout.cause === 'failure' || rollout.cause === 'abort') return [];
  const to = wayBack(state, state.serving, revoked);
  requireReturn(state, to, pastNoReturn);
  return [{ kind: 'rollout.started', from: rollout.to, to, cause: 'abort', reason }];
}

/** An approval that is waited for; who gave it is kept. */
function approve(state: FleetState, by: string): readonly FleetEvent[] {
  const { rollout } = state;
  const underWay = rollout?.phase === 'advancing' ? taskUnderWay(state, rollout.id) : null;
  if (underWay?.task.kind !== 'approval') {
    throw busy(state, 'nothing waits for an approval', '`kiln status` shows what the fleet does');
  }
  const { rollout: id, release, task } = underWay.run;
  return [{ kind: 'task.ended', rollout: id, release, task, result: 'passed', why: `approved by ${by}` }];
}

/** Throws POINT_OF_NO_RETURN, unless it is overruled. */
function requireReturn(state: FleetState, to: ReleaseNumber | null, overruled: boolean): void {
  const why = whyNoReturn(state, to);
  if (why === null || overruled) return;
  throw new KilnError('POINT_OF_NO_RETURN', `${state.fleet}: ${why}`, {
    hint: 'deploy a release that works with what is there now; --past-no-return goes back all the same',
  });
}

/** Law 1. Throws IMAGE_REVOKED. */
function requireStartable(image: Digest, revoked: Revoked, hint: string): void {
  const revocation = revoked(image);
  if (revocation === null) return;
  throw new KilnError('IMAGE_REVOKED', `image ${shortDigest(image)} was ${whyRevoked(revocation)}`, { hint });
}

const busy = (state: FleetState, why: string, hint: string): KilnError =>
  new KilnError('ROLLOUT_BUSY', `${state.fleet}: ${why}`, { hint });

const outOfBounds = (state: FleetState, why: string, hint: string): KilnError =>
  new KilnError('SIZE_REFUSED', `${state.fleet}: ${why}`, { hint });

const untried = (state: FleetState, to: ReleaseNumber): KilnError =>
  new KilnError('NO_WAY_BACK', `${state.fleet}: the tasks of r${to} have not passed: it may not have traffic`, {
    hint: '`kiln releases` lists what served; deploying the same again makes a release that is tried again',
  });

const noWayBack = (state: FleetState): KilnError =>
  new KilnError('NO_WAY_BACK', `${state.fleet} has no earlier release that served and is not revoked`, {
    hint: '`kiln releases` lists what there is; deploy the one that you want',
  });

const unknownRelease = (state: FleetState, to: ReleaseNumber): KilnError =>
  new KilnError('NOT_FOUND', `${state.fleet} has no release r${to}`, { hint: '`kiln releases` lists what there is' });
