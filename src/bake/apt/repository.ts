/**
 * A package repository on disk that holds exactly one locked set, so that apt can install nothing else and from nowhere
 * else. Trusted without a signature: each package's hash comes from kiln.lock and was checked when it was downloaded.
 */
import { link, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sha256 } from '../../platform/hash.ts';
import type { Home } from '../../platform/home.ts';
import type { LockedPackage } from '../lock-content.ts';
import { controlOf, debPath } from './deb-store.ts';

export interface RepositoryIdentity {
  readonly suite: string;
  readonly architecture: string;
}

/** Makes it in `folder`, which must be on the home's file system: packages are linked, not copied. */
export async function makeRepository(
  home: Home,
  folder: string,
  { suite, architecture }: RepositoryIdentity,
  packages: readonly LockedPackage[],
): Promise<void> {
  const index = join('main', `binary-${architecture}`, 'Packages');
  const dist = join(folder, 'dists', suite);
  await mkdir(join(dist, 'main', `binary-${architecture}`), { recursive: true });
  await mkdir(join(folder, 'pool'));
  const paragraphs: string[] = [];
  for (const item of packages) {
    const file = join('pool', `${item.sha256}.deb`);
    await link(debPath(home, item), join(folder, file));
    const { size } = await stat(join(folder, file));
    const control = (await controlOf(home, item)).trimEnd();
    paragraphs.push(`${control}\nFilename: ${file}\nSize: ${size}\nSHA256: ${item.sha256}\n`);
  }
  const text = paragraphs.join('\n');
  await writeFile(join(dist, index), text);
  await writeFile(join(dist, 'Release'), release(suite, architecture, index, text));
}

function release(suite: string, architecture: string, index: string, text: string): string {
  const size = Buffer.byteLength(text);
  return [
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Architectures: ${architecture}`,
    'Components: main',
    'Date: Tue, 01 Jan 1980 00:00:00 UTC',
    'SHA256:',
    ` ${sha256(text).slice('sha256:'.length)} ${size} ${index}`,
    '',
  ].join('\n');
}
