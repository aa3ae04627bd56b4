/**
 * A folder in memory: what instances are launched with (environment, files) is never written to a disk. A daemon that is
 * killed leaves the mount, and the next one finds all in it; a reboot empties it, when nothing runs anyway.
 */
import { mkdir, statfs } from 'node:fs/promises';

import { run } from '../platform/exec.ts';
import { isMounted, unmount } from './mounts.ts';

/** Of the machine's memory; what is written takes as much of it as it is long. */
const OPTIONS = 'mode=700,nosuid,nodev,size=25%';

/** Idempotent. What was in the folder is hidden until it is unmounted. */
export async function mountVolatile(folder: string): Promise<void> {
  if (await isMounted(folder)) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const mount = (options: string): Promise<string> => run('mount', ['-t', 'tmpfs', '-o', options, '--', 'kiln-run', folder]);
  // Nor is it swapped out, from Linux 6.4 on.
  await mount(`${OPTIONS},noswap`).catch(() => mount(OPTIONS));
}

/** linux/magic.h */
const TMPFS_MAGIC = 0x0102_1994;
const RAMFS_MAGIC = 0x8584_58f6;

/** Whether what is written there is written to no disk. */
export async function isInMemory(folder: string): Promise<boolean> {
  const { type } = await statfs(folder);
  return type === TMPFS_MAGIC || type === RAMFS_MAGIC;
}

/** With all that is in it. Not mounted is success. */
export async function dropVolatile(folder: string): Promise<void> {
  if (await isMounted(folder)) await unmount(folder);
}
