/** Lays selected files into a root: owners and modes as told, links in the root followed within it only. */
import { chmod, copyFile, lchown, lstat, mkdir, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { FileStep } from '../domain/recipe.ts';
import { KilnError } from '../errors/error.ts';
import type { SelectedFile } from './file-selection.ts';
import { makeFolderInRoot, resolveInRoot } from './root-path.ts';
import { ownerIn } from './steps/owner.ts';
import type { Account } from './steps/user.ts';

/** How many files are copied at once. */
const AT_ONCE = 16;

/** `files` in an order that has each folder before what is in it. */
export async function placeFiles(root: string, step: FileStep, files: readonly SelectedFile[]): Promise<void> {
  const owner = await ownerIn(root, step.owner);
  for (const file of files) if (file.kind === 'folder') await placeFolder(root, step, file, owner);
  const parents = new Map<string, Promise<string>>();
  const parentOf = (path: string): Promise<string> => {
    const folder = dirname(path);
    const host = parents.get(folder) ?? makeFolderInRoot(root, folder);
    parents.set(folder, host);
    return host;
  };
  const waiting = files.filter((file) => file.kind !== 'folder').values();
  const worker = async (): Promise<void> => {
    for (const file of waiting) {
      const path = join('/', step.to, file.path);
      await placeFile(join(await parentOf(path), basename(path)), path, step.mode, file, owner);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function placeFile(host: string, path: string, mode: number | null, file: SelectedFile, owner: Account): Promise<void> {
  await clearTheWay(host, path);
  if (file.target === null) await copyFile(file.source, host);
  else await symlink(file.target, host);
  await lchown(host, owner.uid, owner.gid);
  // After the change of owner, which takes set-uid bits away.
  if (file.target === null) await chmod(host, mode ?? file.mode);
}

async function placeFolder(root: string, step: FileStep, folder: SelectedFile, owner: Account): Promise<void> {
  const path = join('/', step.to, folder.path);
  const host = await resolveInRoot(root, path);
  const before = await lstat(host).catch(() => null);
  if (before?.isDirectory() === true) return; // A folder that is there keeps its owner and mode.
  await makeFolderInRoot(root, dirname(path));
  await mkdir(host);
  await lchown(host, owner.uid, owner.gid);
  await chmod(host, step.mode === null ? folder.mode : step.mode | ((step.mode & 0o444) >> 2));
}

/** A file or link that is there is replaced; a folder is not: that would throw away what is in it. */
async function clearTheWay(host: string, path: string): Promise<void> {
  const there = await lstat(host).catch(() => null);
  if (there === null) return;
  if (there.isDirectory()) {
    throw new KilnError('BAKE_STEP_FAILED', `a file can't be put at ${path}: a folder is there`, {
      hint: 'end `to` with a slash to put the file into the folder',
    });
  }
  await rm(host);
}
