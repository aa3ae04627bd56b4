/** Whether what a recipe takes from its folder is there, asked before any work is done and answered with the place in kiln.yaml. */
import { realpath } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

import { KilnError } from '../errors/error.ts';
import { parsedService } from './load.ts';
import type { ParsedService } from './services.ts';
import type { RecipeSpec, StageSpec } from './schema/image.ts';
import type { Path } from './source.ts';

interface Source {
  /** As kiln.yaml has it; may be a glob. */
  readonly from: string;
  readonly at: Path;
}

/**
 * Throws FILE_UNREADABLE or PATH_ESCAPES for the first in the file that is not there or leads out of the folder. What
 * .kilnignore leaves out, and what links within folders lead to, is left to the bake.
 */
export async function requireSources(folder: string, service?: string): Promise<void> {
  const parsed = await parsedService(folder, service);
  const root = await realpath(folder);
  for (const source of sourcesOf(parsed)) {
    const why = await whatIsWrong(root, source.from);
    if (why !== null) throw refused(parsed, source, why);
  }
}

function sourcesOf({ spec: { image } }: ParsedService): readonly Source[] {
  if ('dockerfile' in image) return [];
  const stages = Object.entries(image.stages).flatMap(([name, stage]) => ofStage(stage, ['image', 'stages', name]));
  return [...stages, ...ofStage(image, ['image'])];
}

function ofStage({ files, run }: Pick<StageSpec | RecipeSpec, 'files' | 'run'>, at: Path): readonly Source[] {
  const laid = Array.isArray(files)
    ? files.flatMap(({ from, path = '' }, index) => {
        if (from === undefined) return [{ from: path, at: [...at, 'files', index, 'path'] }];
        return 'path' in from ? [{ from: from.path, at: [...at, 'files', index, 'from'] }] : [];
      })
    : Object.keys(files).map((from) => ({ from, at: [...at, 'files', from] }));
  const used = run.flatMap((step, index) => {
    if (typeof step === 'string') return [];
    const lent = Object.keys(step.with).map((from) => ({ from, at: [...at, 'run', index, 'with', from] }));
    return 'ansible' in step ? [{ from: step.ansible, at: [...at, 'run', index, 'ansible'] }, ...lent] : lent;
  });
  return [...laid, ...used];
}

type Wrong = { readonly code: 'FILE_UNREADABLE' | 'PATH_ESCAPES'; readonly text: string };

async function whatIsWrong(root: string, from: string): Promise<Wrong | null> {
  if (from.startsWith('/')) return { code: 'PATH_ESCAPES', text: `"${from}" is not in the folder of the recipe` };
  const glob = from.search(/[*?[]/);
  const plain = glob === -1 ? from : dirname(`${from.slice(0, glob)}x`);
  const real = await realpath(join(root, plain)).catch(() => null);
  if (real === null) return { code: 'FILE_UNREADABLE', text: `"${plain}" is not there` };
  const within = relative(root, real);
  if (within !== '..' && !within.startsWith(`..${sep}`)) return null;
  return { code: 'PATH_ESCAPES', text: `"${plain}" is a link that leads out of the folder of the recipe` };
}

function refused(parsed: ParsedService, { at }: Source, { code, text }: Wrong): KilnError {
  const { message, at: place } = parsed.invalid(at, text);
  const hint =
    code === 'PATH_ESCAPES'
      ? 'copy what is needed into the folder'
      : 'paths start at the folder of kiln.yaml; nothing was baked yet';
  return new KilnError(code, message, { hint, ...(place === undefined ? {} : { cause: undefined, at: place }) });
}
