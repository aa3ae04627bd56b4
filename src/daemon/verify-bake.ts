/** `kiln bake --verify`: the second bake, journaled with what came of it. A question about an image, not a gate before it. */
import type { Digest } from '../domain/digest.ts';
import type { Reproduction } from '../reproduce/contract.ts';
import { reproduce } from '../reproduce/reproduce.ts';
import { recipeOf } from '../spec/recipe.ts';
import { bakeDeps, type BakeRequest } from './bake-pipeline.ts';
import type { Parts } from './parts.ts';

export async function verifyBake(parts: Parts, request: BakeRequest, digest: Digest): Promise<Reproduction> {
  const { spec, folder } = request;
  const baked = { recipe: recipeOf(spec, folder), service: spec.service, digest };
  const result = await reproduce(baked, await bakeDeps(parts, request, []));
  const { same, second } = result;
  parts.journal.append([{ fleet: null, kind: 'bake.verified', data: { service: spec.service, digest, same, second } }]);
  return result;
}
