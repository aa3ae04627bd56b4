/** Files of the recipe's folder, or of another stage, laid into the root. */
import type { FileStep } from '../../domain/recipe.ts';
import type { Layer } from '../../oci/store.ts';
import { mountLayers } from '../mounted-root.ts';
import { placeFiles } from '../placement.ts';
import { selectRecipeFiles, type RecipeFiles, type Selection } from '../recipe-files.ts';
import { selectStageFiles } from '../stage-selection.ts';
import { chainOf } from '../step-cache.ts';
import type { Step } from './step.ts';

/** From the recipe's folder. */
export function filesStep(step: FileStep, files: RecipeFiles, name: string): Step {
  let selection: Selection | null = null;
  return {
    name,
    kind: 'files',
    inputs: async () => {
      selection = await selectRecipeFiles(step, files);
      return { to: step.to, owner: step.owner, mode: step.mode, list: selection.list };
    },
    apply: async ({ merged }) => selection?.place(merged),
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
