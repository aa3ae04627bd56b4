/** What an installation of Debian packages leaves that differs from run to run, or is of no use in an image. */
import { lstat, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { EPOCH_SECONDS } from '../contract.ts';

/** Emptied: the folders stay. */
const EMPTIED = ['dev', 'run', 'tmp', 'var/cache/apt', 'var/cache/ldconfig', 'var/lib/apt/lists', 'var/tmp'];

/** Removed where they are. */
const REMOVED = [
  'etc/.pwd.lock',
  'etc/apt/apt.conf.d/99mmdebstrap',
  'etc/apt/sources.list',
  'etc/dpkg/dpkg.cfg.d/99mmdebstrap',
  'etc/group-',
  'etc/gshadow-',
  'etc/hostname',
  'etc/passwd-',
  'etc/resolv.conf',
  'etc/shadow-',
  'etc/subgid-',
  'etc/subuid-',
  'var/cache/debconf/config.dat-old',
  'var/cache/debconf/passwords.dat-old',
  'var/cache/debconf/templates.dat-old',
  'var/lib/dbus/machine-id',
  'var/lib/dpkg/diversions-old',
  'var/lib/dpkg/lock',
  'var/lib/dpkg/lock-frontend',
  'var/lib/dpkg/statoverride-old',
  'var/lib/dpkg/status-old',
  'var/lib/systemd/random-seed',
];

/**
 * `folder` is a root, or the upper folder of one: only what the installation wrote is touched. Logs lose their lines but
 * keep their files, owners and modes, because daemons count on them.
 */
export async function tidy(folder: string): Promise<void> {
  for (const path of EMPTIED) await empty(join(folder, path));
  for (const path of REMOVED) await rm(join(folder, path), { force: true });
  await emptyLogs(join(folder, 'var/log'));
  await rewrite(join(folder, 'etc/machine-id'), () => '');
  await rewrite(join(folder, 'etc/shadow'), fixDays);
  await removeCompiled(join(folder, 'usr'));
}

/** The day of a password's last change is the day of the bake: field 3 of shadow(5). 0, which asks for a new one, stays. */
export const fixDays = (shadow: string): string =>
  shadow.replaceAll(/^([^:\n]*:[^:\n]*):[0-9]{5}:/gm, `$1:${Math.floor(EPOCH_SECONDS / 86_400)}:`);

async function empty(folder: string): Promise<void> {
  if (!(await isFolder(folder))) return;
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}

async function emptyLogs(folder: string): Promise<void> {
  if (!(await isFolder(folder))) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await emptyLogs(path);
    else if (/^(?:alternatives|bootstrap|dpkg|fontconfig)\.log$|^(?:eipp\.log\.xz|history\.log|term\.log)$/.test(entry.name))
      await rm(path);
    else if (entry.isFile()) await writeFile(path, '');
  }
}

async function rewrite(path: string, change: (text: string) => string): Promise<void> {
  const stat = await lstat(path).catch(() => null);
  if (stat?.isFile() !== true) return;
  const text = await readFile(path, 'utf8');
  if (change(text) !== text) await writeFile(path, change(text));
}

/** Python's compiled files: made at installation, in an order and with hashes of their own. Python does without. */
async function removeCompiled(folder: string): Promise<void> {
  if (!(await isFolder(folder))) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    if (entry.name === '__pycache__') await rm(path, { recursive: true });
    else await removeCompiled(path);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isDirectory() === true;
}
