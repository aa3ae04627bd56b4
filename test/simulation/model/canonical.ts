/** A situation as text, equal for all from which the same can follow: times as ages, ages beyond every deadline as one, numbers of entries by their order. */
import type { FleetState } from '../../../src/plan/state.ts';
import type { Situation } from './machine.ts';

/** Older than any deadline of the model. */
const OLD_MS = 2 * 86_400_000;

export function canonical({ state, place, now }: Situation): string {
  const age = (at: number | null | undefined): number | null => (at == null ? null : Math.min(OLD_MS, now - at));
  const ids = [state.rollout?.id, state.ended?.rollout, ...state.tasks.map(({ rollout }) => rollout)];
  const order = [...new Set(ids.filter((id) => id !== undefined))].toSorted((a, b) => a - b);
  return JSON.stringify([
    fixedOf(state),
    rolloutOf(state, age, order),
    state.tasks.map(({ rollout, task, startedAt, ended }) => [
      order.indexOf(rollout),
      task,
      ended === null ? age(startedAt) : ended.result,
    ]),
    state.warm.map(({ release, size, until }) => [release, size, until - now]),
    state.ended === null
      ? null
      : [order.indexOf(state.ended.rollout), state.ended.asked, state.ended.outcome, shortAge(age(state.ended.at))],
    shortAge(age(state.sizedAt)),
    age(state.downSince),
    state.recycled === null ? null : [state.recycled.instance, age(state.recycled.at)],
    Math.max(0, state.recycleAfter - now),
    state.experiment === null ? null : [state.experiment.victims, age(state.experiment.at)],
    [...place.groups]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([group, { size, deleted, failures, instances }]) => [
        group,
        size,
        deleted,
        failures,
        instances
          .map(({ id, launchedAt, healthySince, leaving }) => [
            state.upkeep.maxAgeMs === null ? '' : id,
            leaving || state.upkeep.maxAgeMs === null ? shortAge(age(launchedAt)) : age(launchedAt),
            leaving ? null : shortAge(age(healthySince)),
            leaving,
          ])
          .map(String)
          .toSorted(),
      ]),
    place.traffic,
    place.settled,
    place.balancer,
    [...place.jobs],
  ]);
}

/** No warm-up, probe or launch of the model takes longer. */
const SHORT_MS = 20_000;
const shortAge = (ms: number | null): number | null => (ms === null ? null : Math.min(SHORT_MS, ms));

const fixedOf = ({ releases, size, serving, trail, life, barred, noReturn }: FleetState): unknown => [
  releases.length,
  size,
  serving,
  trail,
  life,
  barred,
  noReturn?.before ?? null,
];

function rolloutOf({ rollout }: FleetState, age: (at: number | null) => number | null, order: readonly number[]): unknown {
  if (rollout === null) return null;
  const { id, from, to, cause, asked, phase, imageReady, progress, pausedAt, canary, checkpoints } = rollout;
  return [
    order.indexOf(id),
    from,
    to,
    cause,
    asked,
    phase,
    imageReady,
    [age(progress.at), progress.ready, progress.size, progress.failures],
    age(pausedAt),
    [canary.step, age(canary.window?.at ?? null), canary.window?.settled, canary.judged?.last],
    [checkpoints.passed, age(checkpoints.reachedAt)],
  ];
}
