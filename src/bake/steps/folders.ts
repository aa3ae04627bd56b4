/** The folders that every image has, and the stage's workdir, where they are not there yet. */
import { chmod, lstat, mkdir } from 'node:fs/promises';

import { STANDARD_FOLDERS } from '../mounted-root.ts';
import { makeFolderInRoot, resolveInRoot } from '../root-path.ts';
import type { Step } from './step.ts';

export function foldersStep(workdir: string | null, name: string): Step {
  return {
    name,
    kind: 'folders',
    inputs: async () => inputsOf(workdir),
    apply: ({ merged }) => makeFolders(merged, workdir),
  };
}

/** The same as the end of another step, whose layer they come into: one mount and one layer less in each bake. */
export function withFolders(step: Step, workdir: string | null): Step {
  return {
    ...step,
    inputs: async () => ({ step: await step.inputs(), folders: inputsOf(workdir) }),
    apply: async (root, context) => {
      await step.apply(root, context);
      await makeFolders(root.merged, workdir);
    },
  };
}

const inputsOf = (workdir: string | null): unknown => ({ workdir, standard: STANDARD_FOLDERS });

async function makeFolders(root: string, workdir: string | null): Promise<void> {
  for (const [path, mode] of Object.entries(STANDARD_FOLDERS)) await makeMissing(root, path, mode);
  if (workdir !== null) await makeFolderInRoot(root, workdir);
}

/** What is there stays as it is, a link included. */
async function makeMissing(root: string, path: string, mode: number): Promise<void> {
  const host = await resolveInRoot(root, path, true);
  const found = await lstat(host).catch(() => null);
  if (found !== null) return;
  await mkdir(host);
  await chmod(host, mode);
}
