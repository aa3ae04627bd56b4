/**
 * Which files of the recipe's folder a `files:` step means: one file, a folder's content, or a glob's matches. Links are
 * copied as links, never followed, and must not lead out of the folder.
 */
import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';

import { KilnError } from '../errors/error.ts';
import type { Ignore } from './ignore.ts';
import { isPattern, patternToRegExp } from './pattern.ts';

export interface SelectedFile {
  /** On this machine. */
  readonly source: string;
  /** Below the step's `to`; empty: `to` itself names the file. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  /** Of the recipe's files only whether one may be executed is kept; a stage's keep theirs. */
  readonly mode: number;
  /** Where a link leads. */
  readonly target: string | null;
}

/** Sorted by path, every folder before what is in it. PATH_ESCAPES, or FILE_UNREADABLE where nothing is meant. */
export async function selectFiles(
  folder: string,
  from: string,
  intoFolder: boolean,
  ignore: Ignore,
): Promise<readonly SelectedFile[]> {
  const root = await realpath(folder).catch(() => folder);
  const within = relative(root, resolve(root, from));
  if (from.startsWith('/') || isOutside(within)) throw escapes(from, 'is not in the folder of the recipe');
  const found = isPattern(within) ? await matches(root, within, ignore) : await named(root, within, from, intoFolder, ignore);
  if (found.length === 0) throw missing(from, 'matches no file that .kilnignore leaves in');
  return found.toSorted(byPath);
}

async function named(
  root: string,
  within: string,
  from: string,
  intoFolder: boolean,
  ignore: Ignore,
): Promise<readonly SelectedFile[]> {
  // A link on the way, or the named path itself, may be followed, but only within the folder.
  const real = await realpath(join(root, within)).catch(() => null);
  if (real === null) throw missing(from, 'is not there');
  const inside = relative(root, real);
  if (isOutside(inside)) throw escapes(from, 'is a link that leads out of the folder of the recipe');
  const stat = await lstat(real);
  if (stat.isDirectory()) return walk(root, inside, (path) => relative(inside, path), ignore);
  const rule = ignoredBy(inside, ignore);
  if (rule !== null) throw missing(from, `is left out by the line "${rule}" of .kilnignore`);
  return [await select(root, inside, intoFolder ? basename(within) : '')];
}

/** A match keeps its place below the pattern's first part that is not plain: `src/*.js` puts `src/a.js` at `a.js`. */
async function matches(root: string, pattern: string, ignore: Ignore): Promise<readonly SelectedFile[]> {
  const parts = pattern.split('/');
  const plain = parts.slice(0, parts.findIndex(isPattern)).join('/');
  const real = await realpath(join(root, plain)).catch(() => null);
  if (real === null) return [];
  if (isOutside(relative(root, real))) throw escapes(pattern, 'goes through a link that leads out of the folder of the recipe');
  const whole = patternToRegExp(parts.slice(plain === '' ? 0 : plain.split('/').length).join('/'));
  const base = relative(root, real);
  const all = await walk(root, base, (path) => relative(base, path), ignore);
  const hit = (path: string): boolean => path !== '' && path !== '.' && (whole.test(path) || hit(dirname(path)));
  return all.filter((file) => hit(file.path));
}

async function walk(root: string, folder: string, rename: (path: string) => string, ignore: Ignore): Promise<SelectedFile[]> {
  const found: SelectedFile[] = [];
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (ignore(path, entry.isDirectory()) !== null) continue;
    found.push(await select(root, path, rename(path)));
    if (entry.isDirectory()) found.push(...(await walk(root, path, rename, ignore)));
  }
  return found;
}

async function select(root: string, within: string, path: string): Promise<SelectedFile> {
  const source = join(root, within);
  const stat = await lstat(source);
  const plain = { source, path, mode: 0o755, target: null };
  if (stat.isDirectory()) return { ...plain, kind: 'folder' };
  if (stat.isFile()) return { ...plain, kind: 'file', mode: (stat.mode & 0o111) === 0 ? 0o644 : 0o755 };
  if (!stat.isSymbolicLink()) throw missing(within, 'is neither a file nor a folder nor a link');
  const target = await readlink(source);
  if (target.startsWith('/') || isOutside(relative(root, resolve(dirname(source), target)))) {
    throw escapes(within, `is a link to ${target}, out of the folder of the recipe`);
  }
  return { ...plain, kind: 'link', target };
}

/** The rule that leaves out the path or a folder that it is in. */
function ignoredBy(path: string, ignore: Ignore): string | null {
  const parts = path.split('/');
  for (const [index] of parts.entries()) {
    const rule = ignore(parts.slice(0, index + 1).join('/'), index < parts.length - 1);
    if (rule !== null) return rule;
  }
  return null;
}

export const byPath = (a: SelectedFile, b: SelectedFile): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

const isOutside = (within: string): boolean => within === '..' || within.startsWith(`..${sep}`);

function escapes(path: string, why: string): KilnError {
  return new KilnError('PATH_ESCAPES', `"${path}" ${why}`, {
    hint: 'copy what is needed into the folder, or leave the path out by a line in .kilnignore',
  });
}

export function missing(path: string, why: string): KilnError {
  return new KilnError('FILE_UNREADABLE', `"${path}" ${why}`, {
    hint: 'paths in `files:` start at the folder of kiln.yaml; .kilnignore says what is left out',
  });
}
