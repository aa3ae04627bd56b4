/** HAProxy's processes found by their command line, for when all else that named them was removed with the home. */
import { readdir, readFile, stat } from 'node:fs/promises';

import { isThere } from '../platform/files.ts';

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

/** As in paths.ts, below a home's folder. */
const CONFIG = '/traffic/haproxy.cfg';

/** The folders of homes that are gone while their HAProxy still serves. Of the same user only: others can't be ended. */
export async function balancersOfRemovedHomes(): Promise<ReadonlySet<string>> {
  const homes = new Set<string>();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const config = configOf(await argumentsOf(pid)) ?? '';
    if (!config.startsWith('/') || !config.endsWith(CONFIG) || (await isThere(config))) continue;
    const owner = await stat(`/proc/${pid}`).catch(() => null);
    if (owner?.uid === process.getuid?.()) homes.add(config.slice(0, -CONFIG.length));
  }
  return homes;
}

/** As process.ts starts it; a reload adds arguments of HAProxy's own. */
const serves = async (pid: string, config: string): Promise<boolean> => configOf(await argumentsOf(pid)) === config;

/** The configuration that an HAProxy in Kiln's way was started with; null: another program, or another way. */
function configOf(argv: readonly string[]): string | null {
  const isOurs = argv[0]?.endsWith('haproxy') === true && argv.includes('-W') && argv.includes('-f');
  return isOurs ? (argv[argv.indexOf('-f') + 1] ?? null) : null;
}

const argumentsOf = async (pid: string): Promise<readonly string[]> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');

/** Field 4 of proc(5)'s stat, behind the name in parentheses. 0: ended meanwhile. */
async function parentOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}
