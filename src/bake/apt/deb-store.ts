/**
 * Downloaded packages, by hash, under home.bake/debs: a locked bake needs no mirror. The control paragraph of each lies
 * beside it, because an index of them is made for every installation.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { KilnError } from '../../errors/error.ts';
import { exec, run } from '../../platform/exec.ts';
import { readIfThere, writeFileAtomic } from '../../platform/files.ts';
import type { Home } from '../../platform/home.ts';
import type { LockedPackage } from '../lock-content.ts';
import type { AptSource } from './sources.ts';

/** apt's own downloader: proxies, certificates and credentials as the machine's apt has them. */
const DOWNLOADER = '/usr/lib/apt/apt-helper';

export const debPath = (home: Home, item: LockedPackage): string => join(home.bake, 'debs', `${item.sha256}.deb`);

/**
 * Every package is in the store afterwards, its hash checked. `sources` is asked for only when one is missing.
 * BASE_UNAVAILABLE where no mirror has a package any more.
 */
export async function ensureDebs(
  home: Home,
  packages: readonly LockedPackage[],
  sources: () => Promise<readonly AptSource[]>,
  signal: AbortSignal,
): Promise<void> {
  let missing = await without(home, packages);
  if (missing.length === 0) return;
  const folder = join(home.bake, 'debs', `.download-${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(folder, { recursive: true });
  try {
    for (const mirror of new Set((await sources()).map((source) => source.uri))) {
      if (missing.length > 0) await download(home, mirror, missing, folder, signal);
      missing = await without(home, missing);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (missing.length > 0) throw gone(missing);
}

/** The control paragraph, as dpkg-deb prints it. */
export async function controlOf(home: Home, item: LockedPackage): Promise<string> {
  const file = join(home.bake, 'debs', `${item.sha256}.control`);
  const known = await readIfThere(file);
  if (known !== null) return known;
  const control = await run('dpkg-deb', ['--field', debPath(home, item)]);
  await writeFileAtomic(file, control);
  return control;
}

async function download(
  home: Home,
  mirror: string,
  packages: readonly LockedPackage[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const target = (item: LockedPackage): string => join(folder, `${item.sha256}.deb`);
  const wanted = packages.flatMap((item) => [`${mirror.replace(/\/$/, '')}/${item.path}`, target(item), `SHA256:${item.sha256}`]);
  // What it could not have (another mirror may) it says with its exit code; what came is seen by looking.
  const result = await exec(DOWNLOADER, ['-o', 'APT::Sandbox::User=root', 'download-file', ...wanted], { signal }).catch(
    (error: unknown) => {
      throw signal.aborted ? signal.reason : error;
    },
  );
  for (const item of packages) {
    if ((await exists(target(item))) && (await hashOf(target(item))) === item.sha256)
      await rename(target(item), debPath(home, item));
  }
  if (/No space left on device/.test(result.stderr)) throw Object.assign(new Error(result.stderr), { code: 'ENOSPC' });
}

async function without(home: Home, packages: readonly LockedPackage[]): Promise<readonly LockedPackage[]> {
  const there = await Promise.all(packages.map((item) => exists(debPath(home, item))));
  return packages.filter((_, index) => there[index] !== true);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function gone(packages: readonly LockedPackage[]): KilnError {
  const first = packages.slice(0, 3).map((item) => `${item.name} ${item.version}`);
  const more = packages.length > first.length ? ` and ${packages.length - first.length} more` : '';
  return new KilnError('BASE_UNAVAILABLE', `no mirror of this machine has ${first.join(', ')}${more}`, {
    hint: 'is the mirror reachable? If it has newer versions only, move the lock with `kiln bake --update`',
  });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
