/**
 * Checkpoints of a rolling rollout: shares of the fleet at which it stands still, for a time or until somebody promotes it.
 * At one of 100 % the new release has all of the traffic, and the rollout is not done before it has passed.
 */
import type { Checkpoint, Strategy } from '../../domain/release.ts';
import type { FleetEvent } from '../events.ts';
import type { Wait } from '../plan.ts';
import type { RolloutWorld } from '../world.ts';
import { checkpointDeadline, wayOut } from './parts.ts';

type Rolling = Extract<Strategy, { kind: 'rolling' }>;

export interface Ahead extends Checkpoint {
  /** From 1. */
  readonly number: number;
  readonly of: number;
  /** So many new instances and no more. */
  readonly limit: number;
}

/** The next one; null: all have passed. A first deploy has none, as it takes nobody's place. */
export function checkpointAhead({ rollout, from, size }: RolloutWorld, strategy: Rolling): Ahead | null {
  const { checkpoints = [] } = strategy;
  const { passed } = rollout.checkpoints;
  const next = checkpoints[passed];
  if (next === undefined || from === null) return null;
  return { ...next, number: passed + 1, of: checkpoints.length, limit: Math.ceil((size * next.percent) / 100) };
}

/** `there`: the new instances and their share of the traffic are what the checkpoint allows. */
export function checkpointEvents({ rollout, now }: RolloutWorld, ahead: Ahead, there: boolean): readonly FleetEvent[] {
  const { reachedAt } = rollout.checkpoints;
  if (!there) return [];
  if (reachedAt === null) return [{ kind: 'checkpoint.reached', number: ahead.number }];
  const held = ahead.holdMs !== null && now >= reachedAt + ahead.holdMs;
  return held ? [{ kind: 'checkpoint.passed', passed: ahead.number, why: 'held' }] : [];
}

/** Null before it is reached. */
export function checkpointWait(world: RolloutWorld, ahead: Ahead): Wait | null {
  const { reachedAt } = world.rollout.checkpoints;
  if (reachedAt === null) return null;
  const name = `checkpoint ${ahead.number} of ${ahead.of} at ${ahead.percent} %`;
  const endsAt = ahead.holdMs === null ? null : reachedAt + ahead.holdMs;
  if (endsAt !== null && world.now < endsAt)
    return { state: 'checkpoint-hold', what: `${name}: its time`, until: endsAt, otherwise: 'goes on' };
  const what = endsAt === null ? `${name}: somebody to promote it` : `${name}: ${ahead.limit} ready instances`;
  return { state: 'checkpoint-promotion', what, until: checkpointDeadline(world), otherwise: wayOut(world) };
}
