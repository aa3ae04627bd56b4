/**
 * What a command leaves in a layer that differs from bake to bake and is of no use in an image, taken away or made the same.
 * Nothing that a command may have meant is changed: only files that tools keep for themselves, at the places where they do.
 */
import { lstat, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { fixDays } from './apt/tidy.ts';
import { EPOCH_SECONDS } from './contract.ts';

/** Their files go, their folders stay. */
const CACHES = ['var/cache/apt', 'var/cache/ldconfig', 'var/lib/apt/lists'];

const LEFTOVERS = [
  'etc/.pwd.lock',
  'etc/group-',
  'etc/gshadow-',
  'etc/passwd-',
  'etc/shadow-',
  'etc/subgid-',
  'etc/subuid-',
  'var/cache/debconf/config.dat-old',
  'var/cache/debconf/passwords.dat-old',
  'var/cache/debconf/templates.dat-old',
  'var/lib/dpkg/diversions-old',
  'var/lib/dpkg/lock',
  'var/lib/dpkg/lock-frontend',
  'var/lib/dpkg/statoverride-old',
  'var/lib/dpkg/status-old',
  'var/lib/systemd/random-seed',
  'var/log/alternatives.log',
  'var/log/apt/eipp.log.xz',
  'var/log/apt/history.log',
  'var/log/apt/term.log',
  'var/log/bootstrap.log',
  'var/log/dpkg.log',
  'var/log/fontconfig.log',
];

const MACHINE_IDS = ['etc/machine-id', 'var/lib/dbus/machine-id'];

/** `folder`: the upper folder of the command, in overlayfs's terms. What a command removed from below stays removed. */
export async function tidyCommand(folder: string): Promise<void> {
  for (const path of CACHES) await removeFiles(await placeIn(folder, path));
  for (const path of LEFTOVERS) await removeFile(await placeIn(folder, path));
  for (const path of MACHINE_IDS)
    await rewrite(await placeIn(folder, path), (text) => (/^[0-9a-f]{32}\s*$/.test(text) ? '' : text));
  await rewrite(await placeIn(folder, 'etc/shadow'), fixDays);
  await fixCompiled(folder);
}

/** The path on this machine; null where it is not there, or where a link is on the way: that could lead out of the layer. */
async function placeIn(folder: string, path: string): Promise<string | null> {
  const parent = dirname(path);
  const host = parent === '.' ? folder : await placeIn(folder, parent);
  if (host === null || !(await lstat(host)).isDirectory()) return null;
  const place = join(host, basename(path));
  return (await lstat(place).catch(() => null)) === null ? null : place;
}

async function removeFiles(folder: string | null): Promise<void> {
  if (folder === null || !(await lstat(folder)).isDirectory()) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await removeFiles(path);
    else if (entry.isFile()) await rm(path);
  }
}

async function removeFile(path: string | null): Promise<void> {
  if (path !== null && (await lstat(path)).isFile()) await rm(path);
}

async function rewrite(path: string | null, change: (text: string) => string): Promise<void> {
  if (path === null || !(await lstat(path)).isFile()) return;
  const text = await readFile(path, 'latin1');
  if (change(text) !== text) await writeFile(path, change(text), 'latin1');
}

/**
 * Python's compiled files name the time of their source, which the layer makes the epoch: one that named another would not
 * be used, and would differ each time.
 */
async function fixCompiled(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await fixCompiled(path);
    else if (entry.isFile() && entry.name.endsWith('.pyc')) await fixSourceTime(path);
  }
}

/** PEP 552: magic number ending in CR LF, flags (0: by time), the source's time, its size; 32 bits each, little-endian. */
async function fixSourceTime(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const head = Buffer.alloc(16);
    const { bytesRead } = await file.read(head, 0, 16, 0);
    const isByTime = bytesRead === 16 && head[2] === 0x0d && head[3] === 0x0a && head.readUInt32LE(4) === 0;
    if (!isByTime || head.readUInt32LE(8) <= EPOCH_SECONDS) return;
    head.writeUInt32LE(EPOCH_SECONDS, 8);
    await file.write(head, 8, 4, 8);
  } finally {
    await file.close();
  }
}
