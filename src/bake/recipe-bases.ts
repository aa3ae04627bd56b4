/** The images that a recipe of either kind starts from. */
import type { DockerfileRecipe, Recipe } from '../domain/recipe.ts';
import type { ImageBase } from './base.ts';
import { dockerfileBases } from './dockerfile/bake.ts';
import { neededStages } from './stage-order.ts';

/** Of all stages that are baked. Throws CONFIG_INVALID and FILE_UNREADABLE as the bake itself. */
export async function basesOf(recipe: Recipe | DockerfileRecipe): Promise<readonly ImageBase[]> {
  if ('dockerfile' in recipe) return dockerfileBases(recipe);
  return neededStages(recipe).flatMap(({ from }) =>
    from.kind === 'scratch' || from.kind === 'debian' || from.kind === 'stage' ? [] : [from],
  );
}
