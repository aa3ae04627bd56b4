/**
 * A tick of the control loop (observe, plan, lint, keep) over the simulated engine, for one fleet of many instances: at
 * rest, and in the middle of a rollout. The engine's own simulated work is in the figures.
 *   node bench/planner.ts [INSTANCES, 10000]
 */
import type { Strategy } from '../src/domain/release.ts';
import { lintPlan } from '../src/plan/lint.ts';
import { reconcile } from '../src/plan/reconcile.ts';
import { contentOf, FLEET, imageOf } from '../test/simulation/releases.ts';
import { print, type Figure } from './figures.ts';
import { simulate, type Simulated } from '../test/simulation/simulated.ts';

const INSTANCES = Number(process.argv[2] ?? 10_000);
const TICKS = 30;
/** As a fleet's loop does: what comes within this is one look. */
const PACE_MS = Math.min(250, Math.max(1, INSTANCES / 10));
const rolling: Strategy = { kind: 'rolling', minHealthyPercent: 100, maxSurge: INSTANCES / 10, batch: null };

function deploy({ fleets }: Simulated, image: string): void {
  const content = contentOf(imageOf(image), { strategy: rolling });
  fleets.deploy({ content, size: INSTANCES, bounds: null, label: image, by: 'bench' });
}

/** Ticks until the condition holds; how long each took, in ms. */
async function until({ world, fleets }: Simulated, holds: () => boolean): Promise<number[]> {
  const { clock } = world;
  const fleet = fleets.fleet(FLEET);
  const took: number[] = [];
  while (!holds()) {
    const began = performance.now();
    const next = await clock.finish(fleet.tick());
    took.push(performance.now() - began);
    await clock.advance(Math.max(PACE_MS, (next ?? 0) - clock.now()));
  }
  return took;
}

function plans({ world, fleets }: Simulated): number[] {
  const { state, last } = fleets.fleet(FLEET);
  if (last === null) throw new Error('nothing was planned');
  const now = world.clock.now();
  return Array.from({ length: TICKS }, () => {
    const began = performance.now();
    const plan = reconcile(state, last.observed, { now, revoked: () => null, metrics: null, load: null });
    if (lintPlan(plan, state, last.observed, { now, revoked: () => null }).length > 0) throw new Error('the plan was refused');
    return performance.now() - began;
  });
}

const it = simulate(1);
const figures: Figure[] = [];
const measure = (what: string, runs: readonly number[]): void => void figures.push({ what, unit: 'ms', runs });
deploy(it, 'one');
const state = () => it.fleets.state(FLEET);
await until(it, () => state().serving === 1);
const end = it.world.clock.now() + TICKS * 2000;
measure(`tick, ${INSTANCES} at rest`, await until(it, () => it.world.clock.now() >= end));
measure('  of that: plan and lint', plans(it));
deploy(it, 'two');
measure('tick, rolling to another release', await until(it, () => (state().rollout?.progress.ready ?? 0) > INSTANCES / 2));
measure('  of that: plan and lint, in the middle', plans(it));
measure('tick, to the end', await until(it, () => state().rollout === null));
print(figures);
