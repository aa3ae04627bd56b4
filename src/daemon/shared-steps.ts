/** A bake with steps that are shared through a registry. The cache is a help, never a hindrance: without it the bake goes on. */
import type { BakeEventBody } from '../api/schema.ts';
import type { BakeDeps } from '../bake/contract.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { openSharedSteps, type SharedSteps } from '../registry/shared-steps.ts';
import type { Parts } from './parts.ts';

/** What is wrong with the request itself is no trouble of the registry's. */
const USERS_FAULT: ReadonlySet<string> = new Set(['REFERENCE_INVALID', 'TAG_IMMUTABLE', 'CONFIG_INVALID', 'CONFIG_SYNTAX']);

type Tell = (event: BakeEventBody) => void;

/** Bakes with the steps that the reference names; what it made new is there afterwards. Null: a bake without. */
export async function withSharedSteps<T>(
  parts: Parts,
  { cache, signal, tell }: { readonly cache: string | null; readonly signal: AbortSignal; readonly tell: Tell },
  bake: (shared: Pick<BakeDeps, 'shared'>) => Promise<T>,
): Promise<T> {
  if (cache === null) return bake({});
  const options = await parts.registries.options(signal);
  const opened = await trying(parts, signal, tell, `steps of ${cache}`, () =>
    openSharedSteps(cache, parts.images, parts.clock.now(), options),
  );
  const baked = await bake(opened === null ? {} : { shared: opened });
  if (opened !== null) await trying(parts, signal, tell, `steps to ${cache}`, () => save(opened));
  return baked;
}

/** Never false: a cache that nothing was added to is as good. */
const save = async (steps: SharedSteps): Promise<true> => {
  await steps.save();
  return true;
};

async function trying<T>(
  { clock }: Parts,
  signal: AbortSignal,
  tell: Tell,
  step: string,
  work: () => Promise<T>,
): Promise<T | null> {
  const startedAt = clock.now();
  tell({ kind: 'step.started', step });
  try {
    const done = await work();
    tell({ kind: 'step.done', step, cached: false, ms: clock.now() - startedAt });
    return done;
  } catch (error) {
    tell({ kind: 'step.failed', step, ms: clock.now() - startedAt, message: messageOf(error) });
    if (signal.aborted || !(error instanceof KilnError) || USERS_FAULT.has(error.code)) throw error;
    return null;
  }
}
