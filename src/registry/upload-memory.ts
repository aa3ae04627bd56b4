/** Where uploads that broke off go on, one small file each, for longer than a daemon. What is lost costs an upload, no more. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { hexOf } from '../domain/digest.ts';
import type { UploadMemory } from '../oci/upload.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import { sha256 } from '../platform/hash.ts';

/** Registries forget uploads after some days at most. */
const FORGOTTEN_MS = 7 * 24 * 3600 * 1000;

export function uploadMemory(folder: string): UploadMemory {
  const fileOf = (key: string): string => join(folder, hexOf(sha256(key)));
  return {
    async recall(key) {
      await removeOld(folder);
      return readIfThere(fileOf(key));
    },
    keep: (key, location) => writeFileAtomic(fileOf(key), location),
    forget: (key) => rm(fileOf(key), { force: true }),
  };
}

async function removeOld(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const found = await stat(join(folder, name)).catch(() => null);
    if (found !== null && found.mtimeMs < Date.now() - FORGOTTEN_MS) await rm(join(folder, name), { force: true });
  }
}
