/** What a fleet at rest that is not whole waits for: its instances have deadlines of their own, and the brake has its time. Pure. */
import type { Wait } from './plan.ts';
import { releaseOfState } from './state.ts';
import { LAUNCH_MS } from './strategies/parts.ts';
import type { World } from './world.ts';

/** Empty where it is whole, or where nothing is to run. */
export function healingWait(world: World): readonly Wait[] {
  const { state, groups, size, now } = world;
  const { serving } = state;
  const view = groups.find(({ release }) => release === serving);
  const ready = view?.ready ?? 0;
  if (serving === null || ready >= size) return [];
  const { health, replace } = releaseOfState(state, serving).content;
  const patienceMs = LAUNCH_MS + health.deadlineMs + replace.warmUpMs;
  const begun = [state.sizedAt, state.ended?.at ?? 0, ...(view?.members ?? []).map(({ launchedAt }) => launchedAt)];
  const until = Math.max(view?.brakedUntil ?? 0, ...begun.map((at) => at + patienceMs));
  const what = `${ready} of ${size} instances of r${serving} ready`;
  if (until > now) return [{ state: 'healing', what, until, otherwise: 'replaces those that are not' }];
  return [{ state: 'healing', what, until: null, otherwise: 'Kiln goes on trying' }];
}
