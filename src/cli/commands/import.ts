import { dirname, join, relative, resolve } from 'node:path';
import { statSync } from 'node:fs';

import { KilnError } from '../../errors/error.ts';
import { importPacker, type ImportedRecipe } from '../../packer/import.ts';
import { writeImport } from '../../packer/write.ts';
import type { Arguments } from '../arguments.ts';
import type { Context, Result, Run } from '../command.ts';
import { harmless } from '../terminal.ts';

/** Runs here, as the person who calls it: the daemon reads no template. */
export const run: Run = async (args, context) => {
  const kind = args.required('KIND');
  if (kind !== 'packer')
    throw new KilnError('USAGE', `"${kind}" is nothing that Kiln imports`, { hint: 'there is packer: kiln import packer PATH' });
  const path = resolve(context.cwd, args.required('PATH'));
  const given = args.text('out');
  const recipe = importPacker({
    path,
    bases: pairs(args, 'base', 'SOURCE=BASE'),
    values: pairs(args, 'var', 'NAME=VALUE'),
    valueFiles: args.texts('varFile').map((file) => resolve(context.cwd, file)),
    only: args.texts('only'),
    except: args.texts('except'),
    allowOutside: args.flag('allowOutside'),
    env: context.env,
    nowMs: context.now(),
  });
  const out = given === undefined ? (isFolder(path) ? path : dirname(path)) : resolve(context.cwd, given);
  return answer(recipe, out, writeImport(recipe, out), context);
};

function answer(recipe: ImportedRecipe, out: string, written: readonly string[], context: Context): Result {
  const folder = relative(context.cwd, out) || '.';
  const bake = ['kiln', 'bake', folder, ...recipe.bakeOptions];
  const notices = recipe.notices.map(({ at, text }) => ({ file: at.file, line: at.line, text }));
  return {
    document: { service: recipe.service, folder: out, written, notices, bake },
    lines: [
      ...written.map((path) => `wrote ${join(folder, path)}`),
      ...notices.map(({ file, line, text }) => `  ${harmless(`${file}:${line}: ${text}`)}`),
      `  next: ${harmless(bake.join(' '))}`,
    ],
  };
}

function pairs(args: Arguments, option: string, form: string): ReadonlyMap<string, string> {
  return new Map(
    args.texts(option).map((text) => {
      const equals = text.indexOf('=');
      if (equals < 1) throw new KilnError('USAGE', `--${option} ${text} is not ${form}`, { hint: `write --${option} ${form}` });
      return [text.slice(0, equals), text.slice(equals + 1)] as const;
    }),
  );
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
