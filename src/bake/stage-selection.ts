/** Which files of another stage's root a `files:` step means. A link on the way is followed within that root only. */
import { lstat, readdir, readlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { byPath, missing, type SelectedFile } from './file-selection.ts';
import { isPattern, patternToRegExp } from './pattern.ts';
import { resolveInRoot } from './root-path.ts';

/** As `selectFiles`, but every link is copied as it is: it leads within the image. */
export async function selectStageFiles(root: string, from: string, intoFolder: boolean): Promise<readonly SelectedFile[]> {
  const parts = from.split('/').filter((part) => part !== '' && part !== '.');
  const firstPattern = parts.findIndex(isPattern);
  const plain = firstPattern === -1 ? parts : parts.slice(0, firstPattern);
  const base = await resolveInRoot(root, plain.join('/'));
  const stat = await lstat(base).catch(() => null);
  if (stat === null) throw missing(from, 'is not in the stage');
  if (firstPattern === -1 && !stat.isDirectory()) return [await select(base, intoFolder ? basename(from) : '')];
  const all = await walk(base, '');
  if (firstPattern === -1) return all.toSorted(byPath);
  const whole = patternToRegExp(parts.slice(firstPattern).join('/'));
  const hit = (path: string): boolean => path !== '.' && (whole.test(path) || hit(dirname(path)));
  const found = all.filter((file) => hit(file.path));
  if (found.length === 0) throw missing(from, 'matches nothing in the stage');
  return found.toSorted(byPath);
}

async function walk(base: string, folder: string): Promise<SelectedFile[]> {
  const found: SelectedFile[] = [];
  for (const entry of await readdir(join(base, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    found.push(await select(join(base, path), path));
    if (entry.isDirectory()) found.push(...(await walk(base, path)));
  }
  return found;
}

async function select(source: string, path: string): Promise<SelectedFile> {
  const stat = await lstat(source);
  const plain = { source, path, mode: stat.mode & 0o7777, target: null };
  if (stat.isDirectory()) return { ...plain, kind: 'folder' };
  if (stat.isFile()) return { ...plain, kind: 'file' };
  if (stat.isSymbolicLink()) return { ...plain, kind: 'link', target: await readlink(source) };
  throw missing(path, 'is neither a file nor a folder nor a link');
}
