/** Paths inside an image's root, followed as a process in there would: no link leads out, whatever the image holds. */
import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';

import { KilnError } from '../errors/error.ts';

export interface RootedPath {
  /** Absolute within the root, without links. */
  readonly path: string;
  /** Null where nothing is there. */
  readonly found: Stats | null;
}

/** As many as the kernel follows. */
const MAX_LINKS = 40;

/** The root must not change meanwhile (it is mounted read-only). A loop of links throws PATH_ESCAPES. */
export async function resolveInRoot(root: string, path: string): Promise<RootedPath> {
  const pending = parts(path);
  let at: string[] = [];
  let found: Stats | null = await lstat(root);
  for (let links = 0; pending.length > 0;) {
    const name = pending.shift() ?? '';
    if (name === '..') at.pop();
    const here = name === '..' ? at : [...at, name];
    found = await look(join(root, ...here));
    if (!found?.isSymbolicLink()) {
      at = here;
      continue;
    }
    if (++links > MAX_LINKS) throw loop(path);
    const target = await readlink(join(root, ...here));
    if (target.startsWith('/')) at = [];
    pending.unshift(...parts(target));
  }
  return { path: `/${at.join('/')}`, found };
}

const parts = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');

async function look(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}

const loop = (path: string): KilnError =>
  new KilnError('PATH_ESCAPES', `the image's links at ${path} lead in a circle`, {
    hint: 'mend the link in the recipe and bake the image again',
  });
