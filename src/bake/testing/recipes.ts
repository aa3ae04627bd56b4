/** Recipes for tests: everything empty but what the test is about. */
import type { FileStep, Recipe, RunStep, Stage } from '../../domain/recipe.ts';

export function aStage(name: string, parts: Partial<Stage> = {}): Stage {
  return { name, from: { kind: 'scratch' }, packages: [], user: null, files: [], run: [], env: {}, workdir: null, ...parts };
}

export function aRecipe(folder: string, parts: Partial<Omit<Recipe, 'final'>> & { readonly final?: Stage } = {}): Recipe {
  return {
    folder,
    stages: [],
    final: aStage('image'),
    entrypoint: [],
    command: [],
    ports: [],
    labels: {},
    stopSignal: null,
    ...parts,
  };
}

export const aFile = (from: string, to: string, parts: Partial<FileStep> = {}): FileStep => ({
  from,
  stage: null,
  to,
  owner: null,
  mode: null,
  ...parts,
});

export const aRun = (command: string, parts: Partial<RunStep> = {}): RunStep => ({
  command,
  network: false,
  env: {},
  with: [],
  ...parts,
});
