/** The entry: bakes a recipe of either kind. */

import type { Digest } from '../domain/digest.ts';
import type { DockerfileRecipe, Recipe, Stage } from '../domain/recipe.ts';
import { KilnError } from '../errors/error.ts';
import type { ImageStore } from '../oci/store.ts';
import { checkTag, requireFree } from '../oci/tags.ts';
import type { BakeDeps, BakeOptions, BakeResult } from './contract.ts';
import { bakeDockerfile, type Baked, type DockerfileContext } from './dockerfile/bake.ts';
import { openFileHashes } from './file-hashes.ts';
import { readRevision } from './git.ts';
import { readIgnore } from './ignore.ts';
import { annotationsOf, finalSettings, imageConfig, tagsOf, type Naming } from './image.ts';
import { openLock } from './lock.ts';
import { architecture } from './package-set.ts';
import { openSession, type Session } from './session.ts';
import { bakeStage, type BakedStage, type StageContext } from './stage.ts';
import { neededStages, needsOf } from './stage-order.ts';
import { bakeKey } from './step-cache.ts';

/**
 * The image is in the store when it returns; the tags that it is to get are the caller's to give. Cached steps are not done
 * again; a failed or cancelled bake
 * (`deps.signal`, whose reason is thrown) keeps the steps that were done and leaves no mount and no half image.
 */
export async function bake(recipe: Recipe | DockerfileRecipe, deps: BakeDeps, options: BakeOptions): Promise<BakeResult> {
  if (process.getuid?.() !== 0) {
    throw new KilnError('NEEDS_ROOT', 'a bake mounts and runs as root', { hint: 'run the daemon as root: `sudo kiln up`' });
  }
  if (options.version !== null) checkTag(`${options.service}:${options.version}`);
  const startedAt = deps.clock.now();
  // Git is asked while the steps go on: nothing needs its answer before the image is written.
  const naming = nameOf(recipe.folder, options);
  const session = openSession(deps, recipe.compression ?? 'gzip');
  const { digest, known, moved } = await bakeLocked(recipe, deps, options, naming, session);
  const tags = await wantedTags(deps.store, digest, await naming);
  const changed = !known || session.steps.some((step) => !step.cached);
  return { digest, tags, changed, steps: session.steps, moved, ms: deps.clock.now() - startedAt };
}

async function nameOf(folder: string, { service, version, revision }: BakeOptions): Promise<Naming> {
  return { service, version, revision: revision === undefined ? await readRevision(folder) : revision };
}

async function bakeLocked(
  recipe: Recipe | DockerfileRecipe,
  deps: BakeDeps,
  { update, only }: Pick<BakeOptions, 'update' | 'only'>,
  naming: Promise<Naming>,
  session: Session,
): Promise<Baked & Pick<BakeResult, 'moved'>> {
  const lock = await openLock(recipe, update, only ?? null);
  const hashes = await openFileHashes(deps.home, recipe.folder, () => deps.clock.now());
  try {
    const parts = { deps, session, lock, hashes, naming };
    const baked = 'dockerfile' in recipe ? await bakeDockerfile(recipe, parts) : await bakeRecipe(recipe, parts);
    return { ...baked, moved: await lock.finish() };
  } finally {
    await hashes.save();
  }
}

async function bakeRecipe(recipe: Recipe, { deps, session, lock, hashes, naming }: DockerfileContext): Promise<Baked> {
  const files = { folder: recipe.folder, ignore: await readIgnore(recipe.folder), hashes };
  const stage = await bakeStages(recipe, { recipe, deps, session, lock, files, debian: new Map() });
  return storeImage(recipe, stage, await naming, deps, session);
}

/** Each stage as soon as those that it needs are there; the first failure stops the others. */
async function bakeStages(recipe: Recipe, parts: Omit<StageContext, 'stage'>): Promise<BakedStage> {
  const failed = new AbortController();
  const deps = { ...parts.deps, signal: AbortSignal.any([parts.deps.signal, failed.signal]) };
  const baked = new Map<string, Promise<BakedStage>>();
  const stageOf = (name: string): Promise<BakedStage> => baked.get(name) ?? Promise.reject(new Error(`no stage ${name}`));
  const start = async (stage: Stage): Promise<BakedStage> => {
    await Promise.all(needsOf(stage).map(stageOf));
    return bakeStage(stage, { ...parts, deps, stage: stageOf });
  };
  for (const stage of neededStages(recipe)) {
    const work = start(stage);
    work.catch((error: unknown) => failed.abort(error));
    baked.set(stage.name, work);
  }
  await Promise.allSettled(baked.values());
  parts.deps.signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  return stageOf(recipe.final.name);
}

async function storeImage(recipe: Recipe, stage: BakedStage, naming: Naming, deps: BakeDeps, session: Session): Promise<Baked> {
  const annotations = annotationsOf(naming, stage.base);
  const config = imageConfig(finalSettings(stage.settings, recipe), stage.chain, architecture());
  // By blob: the same files may have been compressed in another way.
  const key = bakeKey('image', { config, annotations, layers: stage.chain.layers.map(({ descriptor }) => descriptor.digest) });
  const known = await session.cache.findImage(key);
  if (known !== null) return { digest: known, known: true };
  const digest = await deps.store.putImage(config, stage.chain.layers, annotations);
  await session.cache.keepImage(key, digest);
  return { digest, known: false };
}

/** A version that another image has is refused before anybody waits for gates. A commit that was baked before from other versions (`--update`) keeps its tag; the new image's tag then names it, too. */
async function wantedTags(store: ImageStore, digest: Digest, naming: Naming): Promise<readonly string[]> {
  const [own, byCommit] = [tagsOf({ ...naming, revision: null }, digest), tagsOf({ ...naming, version: null }, digest)];
  const stored = await store.list();
  for (const tag of own) requireFree(tag, digest, stored);
  const isFree = (tag: string): boolean => stored.every((image) => image.digest === digest || !image.tags.includes(tag));
  return [...own, ...byCommit.map((tag) => (isFree(tag) ? tag : `${tag}.${digest.slice(7, 15)}`))];
}
