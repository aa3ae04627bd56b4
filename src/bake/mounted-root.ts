/**
 * The root that a step works in: the layers so far, stacked by overlayfs, with an upper folder that becomes the step's
 * layer. For a step that runs a command, a folder that holds only mount points lies below them all, so that the runtime
 * finds each place it mounts on and makes none in the upper folder.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import type { RuntimeMount } from '../linux/runtime-config.ts';
import type { Layer } from '../oci/store.ts';
import { run } from '../platform/exec.ts';
import type { MountedLayers, Surroundings } from './contract.ts';
import { makeFolder } from './work-folder.ts';

export interface StepRoot {
  /** The step's work folder; gone afterwards. */
  readonly work: string;
  /** What the step adds or changes, in overlayfs's terms. */
  readonly upper: string;
  /** The whole root, writable. */
  readonly merged: string;
  /** What every command in it finds besides its own mounts. */
  readonly surroundings: Surroundings;
}

/** Folders that every image has, and their modes. */
export const STANDARD_FOLDERS = { '/dev': 0o755, '/proc': 0o555, '/run': 0o755, '/sys': 0o555, '/tmp': 0o1777 } as const;

const MOUNT_FOLDERS = ['/root/.cache', '/root/.npm'];
const MOUNT_FILES = ['/etc/hosts', '/etc/resolv.conf', '/usr/sbin/policy-rc.d'];

export interface RootOptions {
  readonly chain: readonly Layer[];
  /** The work folder; whoever owns it unmounts. */
  readonly work: string;
  /** Whether a command will run in it. */
  readonly mountPoints: boolean;
  /** For the command: `BakeDeps.surroundings`. */
  readonly surroundings: Surroundings;
}

export async function mountRoot(layers: MountedLayers, options: RootOptions): Promise<StepRoot> {
  const { chain, work, surroundings } = options;
  const upper = await makeFolder(join(work, 'upper'));
  const merged = await makeFolder(join(work, 'merged'));
  await makeFolder(join(work, 'overlay'));
  const bottom = options.mountPoints
    ? await mountPoints(join(work, 'bottom'), surroundings.mounts)
    : await makeFolder(join(work, 'bottom'));
  const lower = [...(await mountedLayers(layers, chain)), bottom].map((folder) => relative(layers.base, folder));
  // Whole files in the upper folder only: nothing that a layer can't say. volatile: a crash throws the folder away anyway.
  const upperPart = `upperdir=${relative(layers.base, upper)},workdir=${relative(layers.base, join(work, 'overlay'))}`;
  const upperOptions = `redirect_dir=off,metacopy=off,index=off,volatile,${upperPart}`;
  await mountOverlay(layers.base, `${upperOptions},lowerdir=${lower.join(':')}`, merged);
  return { work, upper, merged, surroundings };
}

/** The layers read-only below `work`; returns the folder. */
export async function mountLayers(layers: MountedLayers, chain: readonly Layer[], work: string, name: string): Promise<string> {
  const target = await makeFolder(join(work, name));
  // Two empty folders at the bottom: overlayfs wants two lower ones where there is no upper one, and there may be no layer.
  const empty = [await makeFolder(join(work, `${name}-a`)), await makeFolder(join(work, `${name}-b`))];
  const lower = [...(await mountedLayers(layers, chain)), ...empty].map((folder) => relative(layers.base, folder));
  await mountOverlay(layers.base, `ro,lowerdir=${lower.join(':')}`, target);
  return target;
}

/** The topmost layer first. */
async function mountedLayers(layers: MountedLayers, chain: readonly Layer[]): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const layer of chain.toReversed()) folders.push(await layers.ensure(layer));
  await mkdir(layers.base, { recursive: true });
  return folders;
}

/** Folders are named relative to `layers.base`: all options together must fit into one page, wherever the home lies. */
const mountOverlay = (cwd: string, options: string, target: string): Promise<string> =>
  run('mount', ['-t', 'overlay', 'kiln-bake', '-o', options, '--', target], { cwd });

async function mountPoints(folder: string, lent: readonly RuntimeMount[]): Promise<string> {
  await makeFolder(folder);
  for (const [path, mode] of Object.entries(STANDARD_FOLDERS)) await makeFolder(join(folder, path), mode);
  for (const path of ['/etc', '/usr', '/usr/sbin', '/root', ...MOUNT_FOLDERS]) await makeFolder(join(folder, path));
  const own = lent.map(({ path }) => path).filter((path) => !path.startsWith('/run/'));
  for (const path of [...MOUNT_FILES, ...own]) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), '', { mode: 0o644 });
  }
  return folder;
}
