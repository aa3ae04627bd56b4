/** One bake under way: runs steps through the cache, keeps count of them and tells what happens. */
import { readdir } from 'node:fs/promises';

import type { Digest } from '../domain/digest.ts';
import type { LayerCompression } from '../domain/recipe.ts';
import { messageOf } from '../errors/error.ts';
import { layerFromFolder } from '../oci/layer-writer.ts';
import type { Layer } from '../oci/store.ts';
import { EPOCH_SECONDS, EPOCH_TEXT, USUAL, type BakeDeps, type BakedStep, type Chain, type Outcome } from './contract.ts';
import { mountRoot } from './mounted-root.ts';
import { bakeKey, chainOf, openStepCache, type StepCache } from './step-cache.ts';
import type { Step } from './steps/step.ts';
import { withWorkFolder } from './work-folder.ts';

/** Steps that run a command in their root, and so need places to mount on. */
const SANDBOXED: ReadonlySet<Step['kind']> = new Set(['packages', 'run']);

export interface Session {
  readonly cache: StepCache;
  /** In the order in which they ended. */
  readonly steps: readonly BakedStep[];
  /** The chain with the step's layer, if it made one. A step that two stages share is done once. */
  run(step: Step, below: Chain): Promise<Chain>;
  /** Counts and tells of work that is a step but makes no layer of its own. */
  timed<T>(name: string, work: () => Promise<{ readonly value: T; readonly cached: boolean }>): Promise<T>;
}

export function openSession(deps: BakeDeps, compression: LayerCompression): Session {
  const cache = openStepCache(deps.home, deps.store);
  const steps: BakedStep[] = [];
  const underway = new Map<Digest, Promise<Outcome>>();
  const fromOthers = async (key: Digest): Promise<Outcome | null> => {
    const found = (await deps.shared?.find(key)) ?? null;
    if (found !== null) await cache.keep(key, { layer: found.layer, leavesEtc: found.leavesEtc });
    return found;
  };
  const outcomeOf = async (step: Step, below: readonly Layer[], key: Digest): Promise<Outcome & { cached: boolean }> => {
    const shared = underway.get(key);
    if (shared !== undefined) return { ...(await shared), cached: true };
    const found = (await cache.find(key)) ?? (await fromOthers(key));
    if (found !== null) {
      deps.shared?.used(key, found);
      return { ...found, cached: true };
    }
    const work = perform(deps, step, below, compression);
    underway.set(key, work);
    const outcome = await work;
    await cache.keep(key, outcome);
    deps.shared?.used(key, outcome);
    return { ...outcome, cached: false };
  };
  const timed = async <T>(name: string, work: () => Promise<{ value: T; cached: boolean }>): Promise<T> => {
    deps.signal.throwIfAborted();
    const startedAt = deps.clock.now();
    const since = (): number => deps.clock.now() - startedAt;
    deps.onEvent({ kind: 'step.started', step: name });
    try {
      const { value, cached } = await work();
      const done = { name, cached, ms: since() };
      steps.push(done);
      deps.onEvent({ kind: 'step.done', step: name, cached, ms: done.ms });
      return value;
    } catch (error) {
      deps.onEvent({ kind: 'step.failed', step: name, ms: since(), message: messageOf(error) });
      throw error;
    }
  };
  // The same files in another compression are another blob; that of most is not named, so that their keys stay short.
  const form = compression === 'gzip' ? {} : { compression };
  const run = (step: Step, below: Chain): Promise<Chain> =>
    timed(step.name, async () => {
      const key = bakeKey(step.kind, { below: chainOf(below.layers), inputs: await step.inputs(), ...form });
      const outcome = await outcomeOf(step, below.layers, key);
      return { value: onTop(below, outcome, step.name), cached: outcome.cached };
    });
  return { cache, steps, run, timed };
}

function onTop(below: Chain, { layer, leavesEtc }: Outcome, madeBy: string): Chain {
  if (layer === null) return below;
  return {
    layers: [...below.layers, layer],
    etc: leavesEtc ? below.etc : [...below.etc, layer],
    history: [...below.history, { created: EPOCH_TEXT, created_by: `kiln: ${madeBy}` }],
  };
}

async function perform(deps: BakeDeps, step: Step, chain: readonly Layer[], compression: LayerCompression): Promise<Outcome> {
  return withWorkFolder(deps.home, async (work) => {
    const root = await mountRoot(deps.layers, {
      chain,
      work,
      mountPoints: SANDBOXED.has(step.kind),
      surroundings: deps.surroundings ?? USUAL,
    });
    const onText = (text: string): void => deps.onEvent({ kind: 'step.output', step: step.name, text });
    await step.apply(root, { deps, signal: deps.signal, onText });
    deps.signal.throwIfAborted();
    const names = await readdir(root.upper);
    if (names.length === 0) return { layer: null, leavesEtc: true };
    const layer = await layerFromFolder(deps.store, root.upper, { overlay: true, epochSeconds: EPOCH_SECONDS }, compression);
    return { layer, leavesEtc: !names.includes('etc') };
  });
}
