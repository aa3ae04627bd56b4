/** A recipe of either kind as the rules see it: what it builds on, what it runs, what it leaves in the environment. */
import { join } from 'node:path';

import { readInstructions, type Instruction } from '../../bake/dockerfile/instructions.ts';
import type { Base, DockerfileRecipe, Recipe, Stage } from '../../domain/recipe.ts';
import { readIfThere } from '../../platform/files.ts';

/** `line` of the file `path`; none where kiln.yaml says it, which is not read here. */
export interface Place {
  readonly path: string;
  readonly line?: number;
}

export interface Said extends Place {
  readonly text: string;
}

export interface Variable extends Place {
  readonly name: string;
  readonly value: string;
  readonly kind: 'env' | 'arg' | 'label';
}

export interface RecipeView {
  /** Images that it names, as it names them. */
  readonly bases: readonly Said[];
  /** Shell commands. */
  readonly commands: readonly Said[];
  readonly variables: readonly Variable[];
  readonly packages: readonly Said[];
  /** What is fetched while it is baked without a digest: ADD of a URL. */
  readonly downloads: readonly Said[];
  /** Folders that it declares as volumes (VOLUME). */
  readonly volumes: readonly Said[];
  /** Starts through a shell (`ENTRYPOINT node server.js`). */
  readonly shellStarts: readonly Said[];
}

/** Of a command that much is looked at: patterns take time in the square of it. */
const LONGEST = 16 << 10;

/** Throws nothing for a Dockerfile that is gone: the bake has read it, and has the say. */
export async function viewOf(recipe: Recipe | DockerfileRecipe): Promise<RecipeView> {
  if (!('dockerfile' in recipe)) return recipeView(recipe);
  const text = (await readIfThere(join(recipe.folder, recipe.dockerfile))) ?? '';
  return dockerfileView(text, recipe.dockerfile);
}

const YAML: Place = { path: 'kiln.yaml' };
const said = (text: string): Said => ({ ...YAML, text });

const variable =
  (kind: Variable['kind']) =>
  ([name, value]: readonly [string, string]): Variable => ({ ...YAML, name, value, kind });

function recipeView({ stages, final, labels }: Recipe): RecipeView {
  const all = [...stages, final];
  return {
    bases: all.flatMap(({ from }) => baseName(from)).map(said),
    commands: all.flatMap(({ run }) => run.flatMap((step) => ('command' in step ? [said(step.command.slice(0, LONGEST))] : []))),
    variables: [...all.flatMap(environment).map(variable('env')), ...Object.entries(labels).map(variable('label'))],
    packages: all.flatMap(({ packages }) => packages.map(said)),
    downloads: [],
    volumes: [],
    shellStarts: [],
  };
}

const environment = ({ env, run }: Stage): readonly (readonly [string, string])[] =>
  [env, ...run.map((step) => step.env)].flatMap((each) => Object.entries(each));

const baseName = (from: Base): readonly string[] => (from.kind === 'registry' ? [from.reference] : []);

/** The text of a Dockerfile; `path` is what findings name. Pure. */
export function dockerfileView(text: string, path: string): RecipeView {
  const lines = text.split(/\r?\n/);
  const instructions = readInstructions(text);
  const stages = new Set<string>();
  const of = (...keywords: readonly string[]): readonly (Instruction & Place)[] =>
    instructions.filter(({ keyword }) => keywords.includes(keyword)).map((each) => ({ ...each, path, line: each.from + 1 }));
  const place = ({ line }: Place): Place => ({ path, ...(line === undefined ? {} : { line }) });
  const bases = of('FROM').flatMap((each) => {
    const [, image = '', name] = /^(?:--\S+\s+)*(\S+)(?:\s+as\s+(\S+))?/i.exec(each.rest) ?? [];
    const isStage = stages.has(image.toLowerCase());
    if (name !== undefined) stages.add(name.toLowerCase());
    return isStage || image === 'scratch' || image.includes('$') ? [] : [{ ...place(each), text: image }];
  });
  return {
    bases,
    commands: of('RUN').map((each) => ({
      ...place(each),
      text: [each.rest, ...lines.slice(each.from + 1, each.to)].join('\n').slice(0, LONGEST),
    })),
    variables: of('ENV', 'ARG', 'LABEL').flatMap((each) =>
      assignments(each.rest).map(([name, value]) => ({ ...place(each), name, value, kind: KINDS[each.keyword] ?? 'env' })),
    ),
    packages: [],
    downloads: of('ADD')
      .filter(isDownload)
      .map((each) => ({ ...place(each), text: each.rest })),
    volumes: of('VOLUME').map((each) => ({ ...place(each), text: each.rest })),
    shellStarts: of('ENTRYPOINT', 'CMD')
      .filter(({ rest }) => !rest.trimStart().startsWith('['))
      .map((each) => ({ ...place(each), text: `${each.keyword} ${each.rest}` })),
  };
}

const KINDS: Readonly<Record<string, Variable['kind']>> = { ENV: 'env', ARG: 'arg', LABEL: 'label' };

const isDownload = ({ rest }: Instruction): boolean => /(?:^|\s)(?:https?|ftp):\/\//.test(rest) && !rest.includes('--checksum=');

/** `NAME=value OTHER="a b"`, and ENV's old form `NAME value`. */
function assignments(rest: string): readonly (readonly [string, string])[] {
  const old = /^([\w.-]+)\s+([^=].*)$/.exec(rest);
  if (old !== null) return [[old[1] ?? '', old[2] ?? '']];
  return [...rest.matchAll(/([\w./-]+)=("[^"]*"|'[^']*'|\S*)/g)].map(
    ([, name = '', value = '']) => [name, value.replace(/^(["'])(.*)\1$/, '$2')] as const,
  );
}
