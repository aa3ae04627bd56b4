/** Control groups as this machine has them: v1, v1 with an empty v2 beside it (hybrid), or v2 alone. */
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import { isThere } from '../platform/files.ts';
import { sendSignal } from './processes.ts';

export interface Cgroups {
  readonly version: 'v1' | 'hybrid' | 'v2';
  /** Whether the kernel counts swap, so that a limit on it can be set. */
  readonly swap: boolean;
  /** Whether a process can have its own view of the hierarchy. */
  readonly namespaces: boolean;
}

export interface Usage {
  /** Without the pages of files that nobody has used for a while: the kernel takes those back before it ends anything. */
  readonly memoryBytes: number;
  /** CPU time used since the start. */
  readonly cpuMs: number;
}

const ROOT = '/sys/fs/cgroup';

export async function readCgroups(): Promise<Cgroups> {
  const namespaces = await isThere('/proc/self/ns/cgroup');
  if (await isThere(`${ROOT}/cgroup.controllers`)) return { version: 'v2', swap: true, namespaces };
  const hybrid = (await readFile('/proc/self/mountinfo', 'utf8')).includes(' - cgroup2 ');
  const swap = await isThere(`${ROOT}/memory/memory.memsw.limit_in_bytes`);
  return { version: hybrid ? 'hybrid' : 'v1', swap, namespaces };
}

/** Names at the top of the hierarchy that start so. */
export async function cgroupsNamed(prefix: string): Promise<readonly string[]> {
  const names = (await Promise.all((await hierarchies()).map(list))).flat();
  return [...new Set(names.filter((name) => name.startsWith(prefix)))];
}

/** Kills what still runs in it (SIGKILL) and takes the group away. Absent is success; false: something is still ending. */
export async function removeCgroup(name: string): Promise<boolean> {
  const folders = (await hierarchies()).map((hierarchy) => join(hierarchy, name));
  for (const folder of folders) for (const pid of await members(folder)) sendSignal(pid, 'SIGKILL');
  const removed = await Promise.all(folders.map(removeFolder));
  return removed.every(Boolean);
}

/** How often the kernel killed a process of the group for want of memory. */
export async function outOfMemoryKills(name: string): Promise<number> {
  const text = (await read(`${ROOT}/memory/${name}/memory.oom_control`)) || (await read(`${ROOT}/${name}/memory.events`));
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** Null where the group is gone. */
export async function usageOf(name: string): Promise<Usage | null> {
  const memory = (await read(`${ROOT}/memory/${name}/memory.usage_in_bytes`)) || (await read(`${ROOT}/${name}/memory.current`));
  if (memory === '') return null;
  const nanoseconds = await read(`${ROOT}/cpuacct/${name}/cpuacct.usage`);
  const microseconds = /^usage_usec (\d+)$/m.exec(await read(`${ROOT}/${name}/cpu.stat`))?.[1];
  const cpuMs = nanoseconds === '' ? Number(microseconds ?? 0) / 1e3 : Number(nanoseconds) / 1e6;
  const stat = (await read(`${ROOT}/memory/${name}/memory.stat`)) || (await read(`${ROOT}/${name}/memory.stat`));
  const idleBytes = Number(/^(?:total_)?inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0);
  return { memoryBytes: Math.max(0, Number(memory) - idleBytes), cpuMs };
}

async function hierarchies(): Promise<readonly string[]> {
  if (await isThere(`${ROOT}/cgroup.controllers`)) return [ROOT];
  return (await list(ROOT)).map((name) => join(ROOT, name));
}

const list = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function members(folder: string): Promise<readonly number[]> {
  return (await read(join(folder, 'cgroup.procs')))
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

async function removeFolder(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
