/** What is mounted, and the few ways in which Kiln mounts and unmounts. Mounts are the kernel's: /proc is the record. */
import { readFile } from 'node:fs/promises';

import { exec, run } from '../platform/exec.ts';

export interface Mount {
  readonly target: string;
  readonly type: string;
  readonly source: string;
  /** The folder of the file system that is mounted here: `/`, or for a bind mount the part that is bound. */
  readonly root: string;
}

/** Everything mounted in this mount namespace, in the order in which it was mounted. */
export async function mounts(): Promise<readonly Mount[]> {
  return parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** proc(5): `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`; spaces in paths are octal. */
export function parseMountInfo(text: string): readonly Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const fields = before.split(' ');
      const [type = '', source = ''] = after.split(' ');
      return { target: unescape(fields[4] ?? ''), type, source: unescape(source), root: unescape(fields[3] ?? '') };
    });
}

const unescape = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

export const isUnder = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

export async function isMounted(target: string): Promise<boolean> {
  return (await mounts()).some((mount) => mount.target === target);
}

/** Not mounted is success. What still uses the mount keeps it until it ends (a lazy unmount), new users can't reach it. */
export async function unmount(target: string): Promise<void> {
  const result = await exec('umount', ['--lazy', '--', target]);
  if (result.code !== 0 && (await isMounted(target))) throw new Error(`umount ${target}: ${result.stderr.trim()}`);
}

/** Unmounts everything at and below the folder, the newest first. */
export async function unmountUnder(folder: string): Promise<void> {
  const found = (await mounts()).filter((mount) => isUnder(mount.target, folder));
  for (const mount of found.toReversed()) await unmount(mount.target);
}

export async function bindReadOnly(source: string, target: string): Promise<void> {
  await run('mount', ['-o', 'bind,ro', '--', source, target]);
}

/**
 * Folders stacked read-only, the first on top. Relative to `base`, because all lower folders together must fit into the
 * one page of options that mount(2) takes.
 */
export async function stackReadOnly(base: string, lower: readonly string[], target: string): Promise<void> {
  await run('mount', ['-t', 'overlay', 'kiln', '-o', `ro,nodev,lowerdir=${lower.join(':')}`, '--', target], { cwd: base });
}
