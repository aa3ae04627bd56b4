/**
 * Files that Node has no call for, made by coreutils: under a plain name first, as arguments of programs must be text and
 * names in layers need not be. No entry of a layer can have a name of that form.
 */
import { linkSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

import { run } from '../platform/exec.ts';
import { codeOf } from './blobs.ts';

/** Character devices 0/0, overlayfs's whiteouts: one node and hard links to it, as overlayfs itself does since Linux 5.8. */
export async function makeWhiteouts(root: string, paths: readonly Buffer[]): Promise<void> {
  const node = join(root, '.wh.kiln-whiteout');
  for (let next = 0; next < paths.length;) {
    await run('mknod', ['-m', '0', node, 'c', '0', '0']);
    try {
      for (; next < paths.length; next += 1) linkSync(node, paths[next] as Buffer);
    } catch (error) {
      if (codeOf(error) !== 'EMLINK') throw error; // ext4: 65,000 links; go on with another node.
    } finally {
      unlinkSync(node);
    }
  }
}

export async function makeFifos(root: string, paths: readonly Buffer[]): Promise<void> {
  for (const path of paths) {
    const plain = join(root, '.wh.kiln-fifo');
    await run('mkfifo', ['-m', '0', plain]);
    renameSync(plain, path);
  }
}
