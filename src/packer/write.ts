/** Writes an imported recipe and the files that it needs. Nothing that is there is overwritten; all is looked at before. */
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { KilnError, messageOf } from '../errors/error.ts';
import type { NeededFile } from './draft.ts';
import type { ImportedRecipe } from './import.ts';

/** Paths that were written, relative to `out`, kiln.yaml first. Throws FILE_EXISTS before anything is written. */
export function writeImport(recipe: ImportedRecipe, out: string): readonly string[] {
  const same = resolve(out) === resolve(recipe.folder);
  const files = recipe.files.filter((file) => !(same && file.kind === 'named') && !isAlready(file, recipe.folder, out));
  for (const path of ['kiln.yaml', ...files.map((file) => file.path)]) refuseExisting(out, path);
  mkdirSync(out, { recursive: true });
  for (const file of files) {
    try {
      put(file, recipe.folder, join(out, file.path));
    } catch (cause) {
      throw new KilnError('FILE_UNREADABLE', `${file.path} could not be brought to ${out}: ${messageOf(cause)}`, {
        hint: 'see to the permissions of both, and to what is neither file, folder nor link; what was written may be deleted',
        cause,
      });
    }
  }
  writeFileSync(join(out, 'kiln.yaml'), recipe.text, { flag: 'wx' });
  return ['kiln.yaml', ...files.map((file) => file.path)];
}

function refuseExisting(out: string, path: string): void {
  if (lstatSync(join(out, path), { throwIfNoEntry: false }) === undefined) return;
  throw new KilnError('FILE_EXISTS', `${join(out, path)} is there already`, {
    hint: 'move it away, or choose another folder with --out',
  });
}

/** What an earlier import wrote, or what has the same content, is not in the way. */
function isAlready(file: NeededFile, folder: string, out: string): boolean {
  const target = join(out, file.path);
  if (!existsSync(target) || !lstatSync(target).isFile()) return false;
  if (file.kind === 'written') return readFileSync(target, 'utf8') === file.content;
  const source = file.kind === 'outside' ? file.source : join(folder, file.path);
  return lstatSync(source).isFile() && readFileSync(source).equals(readFileSync(target));
}

function put(file: NeededFile, folder: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  if (file.kind === 'written') writeFileSync(target, file.content, { flag: 'wx', mode: file.executable ? 0o755 : 0o644 });
  else
    cpSync(file.kind === 'outside' ? file.source : join(folder, file.path), target, { recursive: true, verbatimSymlinks: true });
}
