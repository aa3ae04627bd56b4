/** Experiments on a fleet: what one would do, and doing it. */
import type { ParsedOf, Handlers } from '../api/schema.ts';
import type { ChaosRequest, Kill } from '../plan/chaos.ts';
import { resolveFleet } from './names.ts';
import type { Parts } from './parts.ts';

export function chaosVerbs({ fleets }: Parts): Pick<Handlers, 'chaos' | 'planChaos'> {
  return {
    async planChaos(input) {
      const fleet = resolveFleet(input.service, fleets.list());
      return { fleet, ...(await fleets.planChaos(fleet, requestOf(input))) };
    },
    async chaos(input) {
      const fleet = resolveFleet(input.service, fleets.list());
      return { fleet, ...(await fleets.chaos(fleet, requestOf(input))) };
    },
  };
}

const requestOf = (input: ParsedOf<'chaos'>): ChaosRequest => ({
  kill: killOf(input),
  seed: input.seed ?? Math.floor(Math.random() * 1_000_000),
  forced: input.force,
  by: input.by,
});

function killOf({ instance, percent, count }: ParsedOf<'chaos'>): Kill {
  if (instance !== undefined) return { instance };
  return percent === undefined ? { count } : { percent };
}
