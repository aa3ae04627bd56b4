/** The recipe's folder at another path: files made in another order, with other times and whatever modes the umask leaves. */
import { copyFile, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';

import { readIgnore } from '../bake/ignore.ts';
import type { Base, DockerfileRecipe, Recipe } from '../domain/recipe.ts';

/** Read by a bake whatever the ignore file says. */
const ALWAYS: ReadonlySet<string> = new Set(['kiln.lock', '.kilnignore', '.dockerignore']);

/** What git keeps for itself is part of no image. */
const NEVER: ReadonlySet<string> = new Set(['.git']);

type AnyRecipe = Recipe | DockerfileRecipe;

/** Copies what the bake may read into `to`, and answers the same recipe there. Bases outside of the folder stay reachable. */
export async function copyRecipe<R extends AnyRecipe>(recipe: R, to: string): Promise<R> {
  const ignore = 'dockerfile' in recipe ? () => null : await readIgnore(recipe.folder);
  const copy = async (folder: string): Promise<void> => {
    await mkdir(join(to, folder), { recursive: true });
    const entries = await readdir(join(recipe.folder, folder), { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? 1 : -1))) {
      const path = join(folder, entry.name);
      const isNeeded =
        (folder === '' && (ALWAYS.has(entry.name) || entry.name === recipe.lock)) || ignore(path, entry.isDirectory()) === null;
      if (!isNeeded || (folder === '' && NEVER.has(entry.name))) continue;
      if (entry.isDirectory()) await copy(path);
      else if (entry.isSymbolicLink()) await symlink(await readlink(join(recipe.folder, path)), join(to, path));
      else if (entry.isFile()) await copyFile(join(recipe.folder, path), join(to, path));
    }
  };
  await copy('');
  for (const path of layoutsOf(recipe)) await keepReachable(recipe.folder, path, to);
  return { ...recipe, folder: to };
}

/** The layouts on disk that the recipe starts from, as it names them. */
function layoutsOf(recipe: AnyRecipe): readonly string[] {
  if ('dockerfile' in recipe) {
    const named = Object.values(recipe.bases).filter((base) => base.startsWith('oci:'));
    return named.map((base) => base.slice('oci:'.length));
  }
  return [...recipe.stages, recipe.final]
    .map(({ from }) => from)
    .filter(isLayout)
    .map(({ path }) => path);
}

const isLayout = (base: Base): base is Extract<Base, { kind: 'layout' }> => base.kind === 'layout';

/** A path that leads out of the folder, `../base`, is linked to where it led from the original. */
async function keepReachable(folder: string, path: string, to: string): Promise<void> {
  const there = resolve(to, path);
  if (isAbsolute(path) || !relative(to, there).startsWith('..') || (await lstat(there).catch(() => null)) !== null) return;
  await mkdir(dirname(there), { recursive: true });
  await symlink(resolve(folder, path), there);
}
