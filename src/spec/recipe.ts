/** The recipe of a spec: every form that the file allows, brought into the one that the bake works from. */
import { resolve } from 'node:path';

import type { AnsibleStep, Base, DockerfileRecipe, FileStep, Recipe, RunStep, Stage, UserStep } from '../domain/recipe.ts';
import type { Spec } from './parse.ts';
import { FINAL_STAGE } from './rules.ts';
import type { DockerfileSpec, RecipeSpec, StageSpec, UserSpec } from './schema/image.ts';

/** Who runs what is built on a base that has only root. */
const DEFAULT_USER: UserStep = { name: 'app', uid: 10_001 };

/** `folder`: that of kiln.yaml, where relative paths start. */
export function recipeOf(spec: Spec, folder: string): Recipe | DockerfileRecipe {
  const root = resolve(folder);
  const made = 'dockerfile' in spec.image ? dockerfileRecipe(spec.image, root) : recipe(spec.image, root);
  return spec.lock === undefined ? made : { ...made, lock: spec.lock };
}

function dockerfileRecipe({ dockerfile, compression }: DockerfileSpec, folder: string): DockerfileRecipe {
  if (typeof dockerfile === 'string') return { folder, dockerfile, args: {}, target: null, bases: {}, compression };
  const { path, args, target = null, bases } = dockerfile;
  return { folder, dockerfile: path, args, target, bases, compression };
}

function recipe(image: RecipeSpec, folder: string): Recipe {
  return {
    folder,
    stages: Object.entries(image.stages).map(([name, stage]) =>
      stageOf(name, stage, stage.from ?? image.from, stage.user === undefined ? null : userStep(stage.user)),
    ),
    final: stageOf(FINAL_STAGE, image, image.from, finalUser(image)),
    entrypoint: image.entrypoint,
    command: image.command,
    ports: [...new Set(image.ports)],
    labels: image.labels,
    stopSignal: image['stop-signal'] ?? null,
    compression: image.compression,
  };
}

/** Never root by omission: a base that brings no user gets one. Others keep theirs. */
function finalUser(image: RecipeSpec): UserStep | null {
  if (image.user !== undefined) return userStep(image.user);
  return image.from.kind === 'debian' || image.from.kind === 'scratch' ? DEFAULT_USER : null;
}

function userStep(user: UserSpec): UserStep {
  if (typeof user !== 'string') return user;
  return { name: user, uid: user === 'root' ? 0 : DEFAULT_USER.uid };
}

type StageContent = Pick<StageSpec, 'packages' | 'files' | 'run' | 'env' | 'workdir'>;

function stageOf(name: string, stage: StageContent, from: Base, user: UserStep | null): Stage {
  return {
    name,
    from,
    packages: [...new Set(stage.packages)],
    user,
    files: fileSteps(stage.files),
    run: stage.run.map(runStep),
    env: stage.env,
    workdir: stage.workdir ?? null,
  };
}

function fileSteps(files: StageSpec['files']): readonly FileStep[] {
  if (!Array.isArray(files)) {
    return Object.entries(files).map(([from, to]) => ({ from, stage: null, to, owner: null, mode: null }));
  }
  return files.map(({ from, path = '', to, owner = null, mode = null }) => {
    if (from !== undefined && 'path' in from) return { from: from.path, stage: null, to, owner, mode };
    return { from: path, stage: from?.stage ?? null, to, owner, mode };
  });
}

function runStep(step: StageSpec['run'][number]): RunStep | AnsibleStep {
  if (typeof step === 'string') return { command: step, network: true, env: {}, with: [] };
  const { network, env } = step;
  const shared = { network, env, with: Object.entries(step.with).map(([from, to]) => ({ from, to })) };
  if ('run' in step) return { command: step.run, ...shared };
  return { playbook: step.ansible, variables: step['extra-vars'], groups: step.groups, ...shared };
}
