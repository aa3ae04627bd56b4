/**
 * Where a step works: home.bake/work/<id>, with everything that must be gone when the step is over: the overlay's upper
 * folder, mounts, runc's state. The id names the process, so that what a crash left can be told from what is in use.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { unmountUnder } from '../linux/mounts.ts';
import { exec } from '../platform/exec.ts';
import { asDiskFull } from '../platform/files.ts';
import type { Home } from '../platform/home.ts';

/** Runs `use` in a new work folder; mounts and folder are gone when it returns, whatever happened. */
export async function withWorkFolder<T>(home: Home, use: (folder: string) => Promise<T>): Promise<T> {
  const own = `${process.pid}.${(await startOf(process.pid)) ?? '0'}`;
  const folder = join(home.bake, 'work', `${own}.${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await use(folder);
  } catch (error) {
    throw asDiskFull(error, folder);
  } finally {
    await clear(folder);
  }
}

/** To be called once when the daemon starts: ends, unmounts and deletes what bakes of dead processes left. */
export async function reclaimBakes(home: Home): Promise<void> {
  const work = join(home.bake, 'work');
  for (const id of await namesIn(work)) {
    const [pid = '', start = ''] = id.split('.');
    if ((await startOf(Number(pid))) !== start) await clear(join(work, id));
  }
}

async function clear(folder: string): Promise<void> {
  const state = join(folder, 'runc');
  for (const container of await namesIn(state)) await exec('runc', ['--root', state, 'delete', '--force', container]);
  await unmountUnder(folder);
  await rm(folder, { recursive: true, force: true });
}

/** When a process started, in clock ticks since boot (proc(5), stat, field 22); null: there is no such process. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

/** A new folder with exactly this mode, whatever the umask. */
export async function makeFolder(path: string, mode = 0o755): Promise<string> {
  await mkdir(path, { recursive: true });
  await chmod(path, mode);
  return path;
}
