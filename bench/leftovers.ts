/** What a Kiln has left on the machine outside its home: for tests and measurements that must find nothing. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Home } from '../src/platform/home.ts';
import { runProgram } from './site.ts';

/** One line for each mount, process, network device, nft table and cgroup that carries the home's path or its id. */
export async function leftovers(home: Home): Promise<readonly string[]> {
  const found = await Promise.all([mounts(home), processes(home), devices(home), tables(home), cgroups(home)]);
  return found.flat();
}

async function mounts(home: Home): Promise<readonly string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.filter((line) => line.split(' ')[4]?.startsWith(`${home.root}/`)).map((line) => `mount ${line.split(' ')[4]}`);
}

async function processes(home: Home): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(home.root)).map((line) => `process ${line.replaceAll('\0', ' ').trim()}`);
}

async function devices(home: Home): Promise<readonly string[]> {
  const { stdout } = await runProgram('ip', ['-o', 'link', 'show']);
  return stdout
    .split('\n')
    .filter((line) => line.includes(home.id))
    .map((line) => `device ${line.split(':')[1]?.trim()}`);
}

async function tables(home: Home): Promise<readonly string[]> {
  const { stdout } = await runProgram('nft', ['list', 'tables']);
  return stdout
    .split('\n')
    .filter((line) => line.includes(home.id))
    .map((line) => `nft ${line.trim()}`);
}

async function cgroups(home: Home): Promise<readonly string[]> {
  const { stdout } = await runProgram('find', ['/sys/fs/cgroup', '-type', 'd', '-path', `*${home.id}*`]);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `cgroup ${join(line)}`);
}
