/** Values of this machine: the environment of who deploys, and files. They have no versions. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';

import { KilnError, messageOf } from '../../errors/error.ts';
import type { Found, Source } from './source.ts';

/** Who deploys, as far as references ask for it. */
export interface Caller {
  readonly variables: Readonly<Record<string, string>>;
  /** Of kiln.yaml. */
  readonly folder: string;
}

/** A value may have less; this only keeps a large file out of memory. */
const MOST_BYTES = 4 << 20;

export function envSource({ variables }: Caller): Source {
  const newest = async (name: string): Promise<Found | null> =>
    Object.hasOwn(variables, name) ? { bytes: Buffer.from(variables[name] ?? ''), version: null } : null;
  return { newest, at: newest };
}

/**
 * Absolute paths only below a folder that sources.yaml lists: whoever writes kiln.yaml is not trusted with every file that
 * the daemon may read. Others are within the folder of kiln.yaml. Links count as where they lead.
 */
export function fileSource(allowed: readonly string[], folder: string | null): Source {
  const newest = async (path: string): Promise<Found | null> => {
    const roots = isAbsolute(path) ? allowed : folder === null ? [] : [folder];
    // Before anything is looked at: whether some other file is there is not to be found out.
    if (isAbsolute(path) && !isBelow(path, roots)) throw outside(path, allowed);
    const real = await realpath(isAbsolute(path) ? path : join(folder ?? '', path)).catch(missing);
    if (real === null) return null;
    const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
    if (!isBelow(real, realRoots)) throw outside(path, isAbsolute(path) ? allowed : ['the folder of kiln.yaml']);
    return { bytes: await read(real), version: null };
  };
  return { newest, at: newest };
}

const isBelow = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path.startsWith(resolve(folder) === sep ? sep : resolve(folder) + sep));

const missing = (error: unknown): null => {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return null;
  throw unreadable(error);
};

/** Never waits: what is no file is refused, whatever had the name before. */
async function read(path: string): Promise<Buffer> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await file.stat();
      if (!status.isFile()) throw new Error('it is not a file');
      if (status.size > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES >> 20} MiB`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(error);
  }
}

const unreadable = (cause: unknown): KilnError =>
  new KilnError('VALUE_REFUSED', `the file can't be read: ${messageOf(cause)}`, {
    hint: 'make it a file that the daemon may read',
  });

const outside = (path: string, allowed: readonly string[]): KilnError =>
  new KilnError(
    'SOURCE_UNKNOWN',
    `${path} is in no folder that values may come from (${allowed.join(', ') || 'none is listed'})`,
    {
      hint: 'list its folder under `files:` in KILN_HOME/sources.yaml, or put the file where it may be',
    },
  );
