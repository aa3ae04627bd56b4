/** The folders that every image has, and the stage's workdir, where they are not there yet. */
import { chmod, lstat, mkdir } from 'node:fs/promises';

import { STANDARD_FOLDERS } from '../mounted-root.ts';
import { makeFolderInRoot, resolveInRoot } from '../root-path.ts';
import type { Step } from './step.ts';

export function foldersStep(workdir: string | null, name: string): Step {
  return {
    name,
    kind: 'folders',
    inputs: async () => ({ workdir, standard: STANDARD_FOLDERS }),
    apply: async (root) => {
      for (const [path, mode] of Object.entries(STANDARD_FOLDERS)) await makeMissing(root.merged, path, mode);
      if (workdir !== null) await makeFolderInRoot(root.merged, workdir);
    },
  };
}

/** What is there stays as it is, a link included. */
async function makeMissing(root: string, path: string, mode: number): Promise<void> {
  const host = await resolveInRoot(root, path, true);
  const found = await lstat(host).catch(() => null);
  if (found !== null) return;
  await mkdir(host);
  await chmod(host, mode);
}
