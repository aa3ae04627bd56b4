/** When a rollout has failed, and what then. Every phase has a deadline and a default way out (law 6). */
import { whyRevoked } from '../domain/revocation.ts';
import { alarmReason } from './alarms.ts';
import type { FleetEvent } from './events.ts';
import { goesOn } from './judge/judge.ts';
import { whyNoReturn } from './no-return.ts';
import type { CanaryProgress } from './state.ts';
import type { RolloutWorld } from './world.ts';
import { stepText } from './strategies/canary-step.ts';
import { deadlineOf, PAUSE_MS } from './strategies/parts.ts';
import { taskUnderWay, whyBarred } from './tasks.ts';
import { wayBack } from './way-back.ts';

/** So many failed instances since the last progress are a failed release, not bad luck. */
const TOLERATED_FAILURES = 3;

/** The event that ends the present phase, or null while it may go on. */
export function failureOf(world: RolloutWorld): FleetEvent | null {
  const { rollout } = world;
  if (rollout.phase === 'attention') return null;
  const reason = reasonOf(world);
  if (reason === null) return null;
  if (rollout.cause === 'failure' || rollout.cause === 'abort') return { kind: 'rollout.attention', reason };
  const to = wayBack(world.state, rollout.from, world.revoked);
  const barrier = whyNoReturn(world.state, to);
  if (barrier !== null) return { kind: 'rollout.attention', reason: `${reason}; ${barrier}` };
  return { kind: 'rollout.started', from: rollout.to, to, cause: 'failure', reason };
}

/** Why the judge has ended a canary; null while it has not. */
function verdictOf({ rollout, release, target }: RolloutWorld): string | null {
  const { strategy } = release.content.replace;
  const { judged, step } = rollout.canary;
  if (rollout.phase !== 'advancing' || strategy.kind !== 'canary' || judged === null || strategy.steps[step] === undefined)
    return null;
  const { verdict, last } = judged;
  const at = `r${target.release} ${stepText(strategy.steps[step])}`;
  if (verdict.verdict === 'fail') return `the judge failed ${at}: ${verdict.why}`;
  if (!last || strategy.judge === null || goesOn(verdict, strategy.judge)) return null;
  return verdict.verdict === 'unsure'
    ? `not enough evidence for ${at}: ${verdict.why}`
    : `${at} could not be judged: ${verdict.why}${sourceTrouble(rollout.canary)}`;
}

function sourceTrouble({ unreadable }: CanaryProgress): string {
  const [why] = Object.values(unreadable);
  return why === undefined ? '' : ` (${why})`;
}

function reasonOf(world: RolloutWorld): string | null {
  const { rollout, release, target, size, now } = world;
  const name = `r${target.release}`;
  const revocation = world.revoked(release.content.image);
  if (revocation !== null) return `the image of ${name} was ${whyRevoked(revocation)}`;
  const alarm = alarmReason(world.state, now);
  if (alarm !== null) return alarm;
  const cause = world.trouble ?? target.lastFailure;
  const because = cause === null ? '' : `: ${cause}`;
  const failures = target.failures - (rollout.progress.failures ?? target.failures);
  if (failures >= TOLERATED_FAILURES && target.ready < size) return `${failures} instances of ${name} failed${because}`;
  if (rollout.pausedAt !== null) return now - rollout.pausedAt >= PAUSE_MS ? `${name} was paused for a day` : null;
  const verdict = verdictOf(world) ?? whyBarred(world.state, rollout.id);
  if (verdict !== null) return verdict;
  // A task has its own deadline, at which its end is recorded.
  if (taskUnderWay(world.state, rollout.id) !== null) return null;
  if (now < deadlineOf(world)) return null;
  if (!rollout.imageReady) return `the image of ${name} could not be made ready`;
  return target.ready < size
    ? `${target.ready} of ${size} instances of ${name} were ready when its deadline passed${because}`
    : `${name} made no progress until its deadline${because}`;
}
