/** Paths inside an image's root, looked up from outside: an absolute link in the image must not lead to the host's files. */
import { lstat, mkdir, readlink, chmod } from 'node:fs/promises';
import { join } from 'node:path';

import { KilnError } from '../errors/error.ts';

/** As many as Linux follows. */
const MAX_LINKS = 40;

/**
 * The host path of `path` within `root`, every link on the way resolved as if `root` were `/`; the last part too unless
 * `keepLast`. What is not there yet is taken as it is named.
 */
export async function resolveInRoot(root: string, path: string, keepLast = false): Promise<string> {
  const ahead = partsOf(path);
  const done: string[] = [];
  let links = 0;
  for (let part = ahead.shift(); part !== undefined; part = ahead.shift()) {
    if (part === '..') {
      done.pop();
      continue;
    }
    const target = ahead.length === 0 && keepLast ? null : await linkAt(join(root, ...done, part));
    if (target === null) {
      done.push(part);
      continue;
    }
    if (++links > MAX_LINKS) throw loop(path);
    if (target.startsWith('/')) done.length = 0;
    ahead.unshift(...partsOf(target));
  }
  return join(root, ...done);
}

/** `mkdir -p` within the root: new folders are root's, with mode 0755. Returns the host path. */
export async function makeFolderInRoot(root: string, path: string): Promise<string> {
  let here = root;
  for (const [index] of partsOf(path).entries()) {
    const host = await resolveInRoot(
      root,
      `/${partsOf(path)
        .slice(0, index + 1)
        .join('/')}`,
    );
    if (await isNew(host)) await chmod(host, 0o755);
    here = host;
  }
  return here;
}

async function isNew(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await lstat(folder)).isDirectory()) return false;
    throw error;
  }
}

async function linkAt(path: string): Promise<string | null> {
  try {
    return await readlink(path);
  } catch {
    return null; // Not a link, or not there.
  }
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');

function loop(path: string): KilnError {
  return new KilnError('FILE_UNREADABLE', `the links on the way to ${path} lead in a circle`, {
    hint: 'mend the links in the base or in an earlier step',
  });
}
