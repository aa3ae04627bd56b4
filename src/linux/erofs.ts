/** EROFS: a folder packed into one read-only file, and that file mounted. */
import { open } from 'node:fs/promises';

import { exec, run } from '../platform/exec.ts';

/** Times, owners, modes and extended attributes (trusted.overlay.* among them) are kept; the file is on disk on return. */
export async function packErofs(folder: string, file: string): Promise<void> {
  await run('mkfs.erofs', ['--quiet', '--preserve-mtime', file, folder]);
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** MS_RDONLY | MS_NOSUID | MS_NODEV. */
const FLAGS = 7;
const MOUNT_CALL: Readonly<Record<string, number>> = { x64: 165, arm64: 40 };

/**
 * mount(2) by its number: mount(8) puts a loop device under every regular file, which costs a kernel-wide object and a
 * second page cache. Perl is the smallest thing on every Debian (an Essential package) that can make the call.
 */
const CALL = 'my ($n, $s, $d, $t, $o, $f) = @ARGV; syscall($n + 0, $s, $d, $t, $f + 0, $o) == 0 or die "$!\\n"';

/** Mounts straight from the file (kernel 6.12 and later), else by a loop device that goes away with the mount. */
export async function mountErofs(file: string, target: string): Promise<void> {
  if (await mountFile(file, target)) return;
  await run('mount', ['-t', 'erofs', '-o', 'loop,ro,nosuid,nodev', '--', file, target]);
}

async function mountFile(file: string, target: string): Promise<boolean> {
  const call = MOUNT_CALL[process.arch];
  if (call === undefined) return false;
  try {
    const result = await exec('perl', ['-e', CALL, String(call), file, target, 'erofs', '', String(FLAGS)]);
    return result.code === 0;
  } catch {
    return false; // No Perl.
  }
}
