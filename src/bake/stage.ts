/** Bakes one stage: its base, then packages, user, files, folders and run, each a step of its own. */
import { join } from 'node:path';

import type { Recipe, Stage } from '../domain/recipe.ts';
import type { Layer } from '../oci/store.ts';
import { baseImage, baseName } from './base.ts';
import { NOTHING, type BakeDeps, type BaseIdentity, type Chain } from './contract.ts';
import { annotationsOf, chainOfImage, environmentOf, imageConfig, stageSettings, type Settings } from './image.ts';
import type { Lock } from './lock.ts';
import { mountLayers } from './mounted-root.ts';
import { addedName, addedSet, architecture, debianName, debianSet } from './package-set.ts';
import type { RecipeFiles } from './recipe-files.ts';
import { resolveInRoot } from './root-path.ts';
import type { Session } from './session.ts';
import { bakeKey, chainOf } from './step-cache.ts';
import { ansibleStep } from './steps/ansible.ts';
import { debianStep } from './steps/debian.ts';
import { filesStep, stageFilesStep } from './steps/files.ts';
import { foldersStep, withFolders } from './steps/folders.ts';
import { packagesStep } from './steps/packages.ts';
import { DEFAULT_PATH, runStep } from './steps/run.ts';
import { accountOf, userStep } from './steps/user.ts';
import { withWorkFolder } from './work-folder.ts';

export interface BakedStage {
  readonly chain: Chain;
  readonly settings: Settings;
  /** Null: built on nothing. */
  readonly base: BaseIdentity | null;
  /** What its packages are called in the lock. */
  readonly packages: string;
  readonly snapshot: string | null;
}

export interface StageContext {
  readonly recipe: Recipe;
  readonly deps: BakeDeps;
  readonly session: Session;
  readonly lock: Lock;
  readonly files: RecipeFiles;
  /** Debian bases of this bake: stages that start from the same one share it. */
  readonly debian: Map<string, Promise<BakedStage>>;
  /** A stage that this one needs, baked. */
  readonly stage: (name: string) => Promise<BakedStage>;
}

export async function bakeStage(stage: Stage, context: StageContext): Promise<BakedStage> {
  const base = await bakeBase(stage, context);
  const env = { ...environmentOf(base.settings), ...stage.env };
  const label = (what: string): string => `${stage.name}: ${what}`;
  const { session } = context;
  const packaged = await addPackages(stage, base, context, label);
  let chain = packaged.chain;
  if (stage.user !== null) chain = await session.run(userStep(stage.user, label(`user ${stage.user.name}`)), chain);
  const workdir = stage.workdir ?? base.settings.WorkingDir ?? null;
  const last = stage.files.length - 1;
  for (const [index, step] of stage.files.entries()) {
    const name = label(`files ${index + 1} → ${step.to}`);
    const source = step.stage === null ? null : (await context.stage(step.stage)).chain.layers;
    const placed = source === null ? filesStep(step, context.files, name) : stageFilesStep(step, source, name);
    chain = await session.run(index === last ? withFolders(placed, workdir) : placed, chain);
  }
  if (last === -1) chain = await session.run(foldersStep(workdir, label('folders')), chain);
  for (const [index, step] of stage.run.entries()) {
    const place = { env, workdir, files: stage.files, recipeFiles: context.files, snapshot: base.snapshot };
    const ran =
      'playbook' in step
        ? ansibleStep(step, place, label(`run ${index + 1} ansible ${step.playbook}`))
        : runStep(step, place, label(`run ${index + 1} ${shortened(step.command)}`));
    chain = await session.run(ran, chain);
  }
  const settings = stageSettings(base.settings, stage, await numericUser(stage, chain, context));
  return { ...base, chain, settings, packages: packaged.name };
}

async function bakeBase(stage: Stage, context: StageContext): Promise<BakedStage> {
  const { from } = stage;
  const nothing = { chain: NOTHING, settings: {}, base: null, packages: 'scratch', snapshot: null };
  switch (from.kind) {
    case 'scratch':
      return nothing;
    case 'stage':
      return context.stage(from.stage);
    case 'debian': {
      const name = debianName(from.suite, from.snapshot);
      const shared = context.debian.get(name) ?? debianBase(from.suite, from.snapshot, context);
      context.debian.set(name, shared);
      return shared;
    }
    case 'kiln':
    case 'channel':
    case 'layout':
    case 'registry': {
      const image = await baseImage(from, context.recipe.folder, context.lock, context.session.cache, context.deps);
      const base = { name: baseName(from), digest: image.digest };
      return { ...nothing, chain: chainOfImage(image, base.name), settings: image.config.config, base, packages: base.name };
    }
  }
}

/** A command as a name: its first line, cut. */
function shortened(command: string): string {
  const line = command.trim().split('\n')[0] ?? '';
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

/** The base alone is an image, too, so that lineage can name it by digest. */
async function debianBase(suite: string, snapshot: string | null, context: StageContext): Promise<BakedStage> {
  const { deps, session } = context;
  const name = debianName(suite, snapshot);
  const chain = await session.run(debianStep(await debianSet(suite, snapshot, context), name), NOTHING);
  const settings = { Env: [`PATH=${DEFAULT_PATH}`] };
  const config = imageConfig(settings, chain, architecture());
  const digest = await deps.store.putImage(
    config,
    chain.layers,
    annotationsOf({ service: name, version: null, revision: null }, null),
  );
  deps.lineage.onBase({ name, digest });
  return { chain, settings, base: { name, digest }, packages: name, snapshot };
}

async function addPackages(
  stage: Stage,
  base: BakedStage,
  context: StageContext,
  label: (what: string) => string,
): Promise<{ readonly chain: Chain; readonly name: string }> {
  const wanted = stage.packages;
  if (wanted.length === 0) return { chain: base.chain, name: base.packages };
  const set = await addedSet({ wanted, onto: base.packages, below: base.chain.layers, snapshot: base.snapshot }, context);
  const chain = await context.session.run(packagesStep(wanted, set, label(`packages ${wanted.join(' ')}`)), base.chain);
  return { chain, name: addedName(base.packages, wanted) };
}

/**
 * `uid:gid`: what runs an image needs no passwd to know that it is not root. Asked of the layers that have something in /etc,
 * so that a change of the sources asks nothing; of all of them only where passwd is a link that may lead anywhere.
 */
async function numericUser({ user }: Stage, chain: Chain, { session, deps }: StageContext): Promise<string | null> {
  if (user === null) return null;
  const ask = (layers: readonly Layer[]): Promise<{ readonly ids: string; readonly isPlain: boolean }> =>
    session.cache.fact(bakeKey('account', { user, chain: chainOf(layers) }), () =>
      withWorkFolder(deps.home, async (work) => {
        const root = await mountLayers(deps.layers, layers, work, 'root');
        const account = await accountOf(root, user.name);
        const ids = account === null ? `${user.uid}:${user.uid}` : `${account.uid}:${account.gid}`;
        return { ids, isPlain: (await resolveInRoot(root, '/etc/passwd')) === join(root, 'etc/passwd') };
      }),
    );
  const { ids, isPlain } = await ask(chain.etc);
  return isPlain ? ids : (await ask(chain.layers)).ids;
}
