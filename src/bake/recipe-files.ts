/** Files of the recipe's folder as steps use them: selected once, named in the step's key by content, then laid somewhere. */
import { join } from 'node:path';

import type { FileStep, LentFile } from '../domain/recipe.ts';
import { KilnError } from '../errors/error.ts';
import type { RuntimeMount } from '../linux/runtime-config.ts';
import type { FileHashes } from './file-hashes.ts';
import { selectFiles, type SelectedFile } from './file-selection.ts';
import type { Ignore } from './ignore.ts';
import { placeFiles } from './placement.ts';
import { makeFolder } from './work-folder.ts';

export interface RecipeFiles {
  readonly folder: string;
  readonly ignore: Ignore;
  readonly hashes: FileHashes;
}

export interface Selection {
  /** For the step's key: each file with its content, so the order on disk and its times don't count. */
  readonly list: unknown;
  /** Lays them below `root`. Throws BAKE_STEP_FAILED where one was changed since it was selected. */
  place(root: string): Promise<void>;
}

/** `step.stage` is not looked at. */
export async function selectRecipeFiles(step: FileStep, files: RecipeFiles): Promise<Selection> {
  const selected = await selectFiles(files.folder, step.from, step.to.endsWith('/'), files.ignore);
  const describe = async (file: SelectedFile): Promise<unknown> => {
    const content = file.kind === 'file' ? await files.hashes.digestOf(file.source) : file.target;
    return [file.path, file.kind, content, file.mode];
  };
  return {
    list: await Promise.all(selected.map(describe)),
    place: async (root) => {
      await placeFiles(root, step, selected);
      for (const file of selected) if (file.kind === 'file') await refuseChanged(file, files.hashes);
    },
  };
}

export interface Lent {
  readonly list: unknown;
  /** What a step's command gets mounted; `work` is the step's work folder. */
  mounts(work: string): Promise<readonly RuntimeMount[]>;
}

/** Files that a step finds below /tmp while it runs: copies, which it may change or move as it likes. */
export async function lendFiles(lent: readonly LentFile[], files: RecipeFiles): Promise<Lent> {
  const steps = lent.map(({ from, to }) => ({ from, to, stage: null, owner: null, mode: null }));
  const selections = await Promise.all(steps.map((step) => selectRecipeFiles(step, files)));
  return {
    list: selections.map(({ list }, index) => ({ to: lent[index]?.to, list })),
    mounts: async (work) => {
      if (selections.length === 0) return [];
      const root = await makeFolder(join(work, 'lent'));
      const from = await makeFolder(join(root, 'tmp'), 0o1777);
      for (const selection of selections) await selection.place(root);
      return [{ kind: 'bind', from, path: '/tmp', writable: true }];
    },
  };
}

/** The step's key says what was read; a file that was written to since would put something else under that key. */
async function refuseChanged(file: SelectedFile, hashes: FileHashes): Promise<void> {
  if (await hashes.unchanged(file.source)) return;
  throw new KilnError('BAKE_STEP_FAILED', `${file.source} was changed while it was being baked`, {
    hint: 'bake again when nothing writes to the folder',
  });
}
