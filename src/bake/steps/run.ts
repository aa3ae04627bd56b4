/** A command of the recipe, by `/bin/sh -c` in the root of the stage. */
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { FileStep, RunStep } from '../../domain/recipe.ts';
import { lentSources, NO_SOURCES, type AptRoot, type LentSources } from '../apt/lent-sources.ts';
import { buildEnvironment } from '../build-environment.ts';
import { EPOCH_SECONDS } from '../contract.ts';
import { lendFiles, type Lent, type RecipeFiles } from '../recipe-files.ts';
import { resolveInRoot } from '../root-path.ts';
import { runInSandbox } from '../sandbox.ts';
import { tidyCommand } from '../tidy-command.ts';
import { stepFailed } from './failure.ts';
import type { Step } from './step.ts';

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where a command runs, as the stage has it. */
export interface RunPlace {
  /** The stage's and its base's. */
  readonly env: Readonly<Record<string, string>>;
  /** Null: where the stage's files first went, else the root. */
  readonly workdir: string | null;
  readonly files: readonly FileStep[];
  readonly recipeFiles: RecipeFiles;
  /** The date of its Debian; null: today's. */
  readonly snapshot: string | null;
}

export function runStep(step: RunStep, place: RunPlace, name: string): Step {
  const env = { ...place.env, ...step.env };
  const firstTo = place.files[0]?.to ?? null;
  let lent: Lent | null = null;
  return {
    name,
    kind: 'run',
    inputs: async () => {
      lent = await lendFiles(step.with, place.recipeFiles);
      const files = step.with.length === 0 ? {} : { with: lent.list };
      return { command: step.command, network: step.network, env, workdir: place.workdir, firstTo, ...files };
    },
    apply: async (root, { deps, onText, signal }) => {
      const apt = await sourcesFor(root, step, place, signal);
      const command = {
        args: ['/bin/sh', '-c', step.command],
        env: { PATH: DEFAULT_PATH, HOME: '/root', ...(await buildConstants(signal)), ...apt.env, ...env },
        cwd: place.workdir ?? (await firstFolder(root.merged, firstTo)),
        network: step.network,
        mounts: [...apt.mounts, ...((await lent?.mounts(root.work)) ?? [])],
      };
      const result = await runInSandbox(root, command, { home: deps.home, signal, onText });
      if (result.code !== 0) throw stepFailed(name, result, 'mend the command and bake again; the steps before it are kept');
      await tidyCommand(root.upper);
    },
  };
}

/** Without a network no source can be asked. */
export const sourcesFor = async (
  root: AptRoot,
  { network }: { readonly network: boolean },
  { snapshot }: RunPlace,
  signal: AbortSignal,
): Promise<LentSources> => (network ? lentSources(root, snapshot, signal) : NO_SOURCES);

/** What every step that runs something finds in its environment, besides the recipe's own. */
export const buildConstants = async (signal: AbortSignal): Promise<Readonly<Record<string, string>>> => ({
  SOURCE_DATE_EPOCH: String(EPOCH_SECONDS),
  ...(await buildEnvironment(signal)),
});

async function firstFolder(root: string, to: string | null): Promise<string> {
  if (to === null) return '/';
  const isFolder = (await lstat(await resolveInRoot(root, to))).isDirectory();
  return isFolder ? to : dirname(to);
}
