/** What all strategies share: how a rollout ends, what stays warm, and what it waits for. */
import type { JudgeTerms } from '../../domain/release.ts';
import type { FleetEvent, Outcome, Warm } from '../events.ts';
import { whyNoReturn } from '../no-return.ts';
import type { Wait } from '../plan.ts';
import { releaseOfState } from '../state.ts';
import { deadlineOf as taskDeadline, taskUnderWay } from '../tasks.ts';
import { covered, type RolloutWorld } from '../world.ts';

/** How long a paused rollout waits for somebody before it is rolled back. */
export const PAUSE_MS = 24 * 3_600_000;

export const finish = (outcome: Outcome, warm: readonly Warm[]): FleetEvent => ({ kind: 'rollout.finished', outcome, warm });

/**
 * The way back after the rollout: the group it came from, with `size` instances, for the new release's retention window.
 * It takes the place of older ways back, so that quick deploys don't pile up fleets; until then those stay (law 5). Nothing of
 * what was revoked stays: it is no way back (law 1).
 */
export function warmFrom(world: RolloutWorld, size: number): readonly Warm[] {
  const { state, from, release, target, now, revoked } = world;
  if (from === null) return covered(world).filter((warm) => warm.release !== target.release);
  if (revoked(releaseOfState(state, from.release).content.image) !== null) return [];
  return [{ release: from.release, size, until: now + release.content.replace.keepMs }];
}

/** When the rollout gives up for want of progress: with instances under way their own deadline, else the rollout's. */
export function deadlineOf(world: RolloutWorld): number {
  const { state, rollout, release, target } = world;
  const underWay = rollout.phase === 'advancing' ? taskUnderWay(state, rollout.id) : null;
  if (underWay !== null) return taskDeadline(underWay.run.startedAt, underWay.task);
  if (rollout.phase === 'advancing' && rollout.canary.window !== null) return canaryDeadline(world);
  if (rollout.phase === 'advancing' && rollout.checkpoints.reachedAt !== null) return checkpointDeadline(world);
  const { health, replace } = release.content;
  const unready = target.size > target.ready;
  const patienceMs = unready
    ? Math.min(replace.deadlineMs, health.deadlineMs + replace.warmUpMs + LAUNCH_MS)
    : replace.deadlineMs;
  return rollout.progress.at + patienceMs;
}

/** When the rollout is given up, whatever it waits for; null: it is the way back and late, and Kiln goes on trying. */
export function givesUpAt(world: RolloutWorld): number | null {
  const { phase, pausedAt } = world.rollout;
  if (phase === 'attention') return null;
  return pausedAt === null ? deadlineOf(world) : pausedAt + PAUSE_MS;
}

/** A step has its time, the judge's, and as long again as any rollout may stand still. A step that waits for a person has a day. */
export function canaryDeadline({ rollout, release }: RolloutWorld): number {
  const { strategy, deadlineMs } = release.content.replace;
  const { step, window } = rollout.canary;
  const { steps, judge } = strategy.kind === 'canary' ? strategy : { steps: [], judge: null };
  const holdMs = steps[step] === undefined ? 0 : steps[step].holdMs;
  const judgeMs = judge === null ? 0 : judge.settleMs + judge.waitMs + (holdMs === null ? 0 : sourceWaitMs(judge));
  return (window?.at ?? rollout.progress.at) + (holdMs ?? PAUSE_MS) + judgeMs + deadlineMs;
}

/** For sources that do not answer, after everything else: as long as for a person, where one is waited for. */
export const sourceWaitMs = ({ metrics }: JudgeTerms): number => (metrics?.unreadable === 'hold' ? PAUSE_MS : 0);

/** Its time, and as long again as any rollout may stand still; where it waits for a person, a day. */
export function checkpointDeadline({ rollout, release }: RolloutWorld): number {
  const { strategy, deadlineMs } = release.content.replace;
  const { passed, reachedAt } = rollout.checkpoints;
  const checkpoint = strategy.kind === 'rolling' ? strategy.checkpoints?.[passed] : undefined;
  return (reachedAt ?? rollout.progress.at) + (checkpoint?.holdMs ?? PAUSE_MS) + deadlineMs;
}

/** What a launch may take before the instance's own health deadline begins to run. */
export const LAUNCH_MS = 5_000;

export function waitForReady(world: RolloutWorld): readonly Wait[] {
  const { target, size } = world;
  if (target.steady >= size) return [];
  const what =
    target.ready >= size
      ? `r${target.release} to stay healthy until its next probe`
      : `${target.ready} of ${size} instances of r${target.release} ready`;
  return [{ state: 'instances', what, until: givesUpAt(world), otherwise: wayOut(world) }];
}

/** What happens at the deadline. */
export function wayOut({ rollout, state }: Pick<RolloutWorld, 'rollout' | 'state'>): string {
  if (rollout.phase === 'attention') return 'Kiln goes on trying';
  if (whyNoReturn(state, rollout.from) !== null) return 'holds everything as it is and asks for a person';
  if (rollout.cause === 'failure' || rollout.cause === 'abort') return 'asks for a person and goes on trying';
  return rollout.from === null ? 'gives up and leaves the fleet empty' : `rolls back to r${rollout.from}`;
}
