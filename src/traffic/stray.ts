/** HAProxy's processes found by their command line, for when all else that named them was removed with the home. */
import { readdir, readFile } from 'node:fs/promises';

export interface Stray {
  readonly master: number;
  readonly workers: readonly number[];
}

/** The processes that were started with this configuration file; null: none. A master's workers carry its command line. */
export async function findStray(config: string): Promise<Stray | null> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = (await Promise.all(pids.map(async (pid) => ((await serves(pid, config)) ? Number(pid) : null)))).filter(
    (pid) => pid !== null,
  );
  const parents = await Promise.all(found.map(parentOf));
  const master = found.find((_, index) => !found.includes(parents[index] ?? 0));
  return master === undefined ? null : { master, workers: found.filter((pid) => pid !== master) };
}

/** As process.ts starts it; a reload adds arguments of HAProxy's own. */
async function serves(pid: string, config: string): Promise<boolean> {
  const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
  return argv[0]?.endsWith('haproxy') === true && argv.includes('-W') && argv[argv.indexOf('-f') + 1] === config;
}

/** Field 4 of proc(5)'s stat, behind the name in parentheses. 0: ended meanwhile. */
async function parentOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}
