/** What git knows of the recipe's folder. A folder that is in no work tree, or a machine without git, is no error. */
import { exec } from '../platform/exec.ts';

export interface Revision {
  /** The last commit that changed the folder: what happens elsewhere in the work tree makes no other image. */
  readonly commit: string;
  /** Whether the folder differs from the commit. */
  readonly dirty: boolean;
}

const LOCKS = [':(exclude)kiln.lock', ':(exclude,glob)kiln.*.lock'];

/** Locks do not count as differences: the bake itself writes them, and the same bake again must give the same image. */
export async function readRevision(folder: string): Promise<Revision | null> {
  const [commit, changes] = await Promise.all([
    git(folder, ['log', '-1', '--format=%H', '--', '.']),
    git(folder, ['status', '--porcelain', '--untracked-files=normal', '--', '.', ...LOCKS]),
  ]);
  return commit === null || commit === '' ? null : { commit: commit.trim(), dirty: changes !== '' };
}

/** The address that the work tree came from; null: none, or no work tree. It may hold a password. */
export async function readRemote(folder: string): Promise<string | null> {
  const remote = (await git(folder, ['remote', 'get-url', 'origin']))?.trim();
  return remote === undefined || remote === '' ? null : remote;
}

async function git(folder: string, args: readonly string[]): Promise<string | null> {
  const result = await exec('git', ['-C', folder, '--no-optional-locks', ...args]).catch(() => null);
  return result?.code === 0 ? result.stdout : null;
}
