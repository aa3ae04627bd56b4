/** Files of the recipe's folder, or of another stage, laid into the root. */
import type { FileStep } from '../../domain/recipe.ts';
import { KilnError } from '../../errors/error.ts';
import type { Layer } from '../../oci/store.ts';
import type { FileHashes } from '../file-hashes.ts';
import { selectFiles, type SelectedFile } from '../file-selection.ts';
import type { Ignore } from '../ignore.ts';
import { mountLayers } from '../mounted-root.ts';
import { placeFiles } from '../placement.ts';
import { selectStageFiles } from '../stage-selection.ts';
import { chainOf } from '../step-cache.ts';
import type { Step } from './step.ts';

export interface RecipeFiles {
  readonly folder: string;
  readonly ignore: Ignore;
  readonly hashes: FileHashes;
}

/** From the recipe's folder. The inputs name each file with its content, so the order on disk and its times don't count. */
export function filesStep(step: FileStep, files: RecipeFiles, name: string): Step {
  let selected: readonly SelectedFile[] = [];
  const describe = async (file: SelectedFile): Promise<unknown> => {
    const content = file.kind === 'file' ? await files.hashes.digestOf(file.source) : file.target;
    return [file.path, file.kind, content, file.mode];
  };
  return {
    name,
    kind: 'files',
    inputs: async () => {
      selected = await selectFiles(files.folder, step.from, step.to.endsWith('/'), files.ignore);
      return { to: step.to, owner: step.owner, mode: step.mode, list: await Promise.all(selected.map(describe)) };
    },
    apply: async ({ merged }) => {
      await placeFiles(merged, step, selected);
      for (const file of selected) if (file.kind === 'file') await refuseChanged(file, files.hashes);
    },
  };
}

/** From another stage, whose layers are `source`. */
export function stageFilesStep(step: FileStep, source: readonly Layer[], name: string): Step {
  return {
    name,
    kind: 'files',
    inputs: async () => ({ from: step.from, to: step.to, owner: step.owner, mode: step.mode, stage: chainOf(source) }),
    apply: async ({ work, merged }, { deps }) => {
      const root = await mountLayers(deps.layers, source, work, 'stage');
      await placeFiles(merged, step, await selectStageFiles(root, step.from, step.to.endsWith('/')));
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
