/**
 * Kills the daemon, HAProxy, a random instance, or all of them at random moments of rollouts. Every run must converge:
 * complete or rolled back, all instances healthy, nothing left over. Prints its seed; the same seed draws the same runs.
 *   node bench/kills.ts [RUNS, 50] [SEED]
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Random } from '../src/engines/sim/random.ts';
import { print } from './figures.ts';
import { leftovers } from './leftovers.ts';
import { haproxyPid, openSite, until, type Site } from './site.ts';

const RUNS = Number(process.argv[2] ?? 50);
const SEED = Number(process.argv[3] ?? Date.now() % 1_000_000);
const PORT = 18_089;
const STRATEGIES = ['rolling', 'blue-green'] as const;
const VICTIMS = ['daemon', 'haproxy', 'instance', 'all'] as const;
type Victim = (typeof VICTIMS)[number];

const random = new Random(SEED);
const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;

async function pidsOf(site: Site, victim: Victim): Promise<readonly number[]> {
  const client = await site.client();
  const daemon = (await client.health({})).pid;
  const haproxy = await haproxyPid(site.home);
  const { instances } = await client.status({ service: 'web' });
  const chosen = instances.length === 0 ? [] : [await instancePid(site, pick(instances).id)];
  return { daemon: [daemon], haproxy: [haproxy], instance: chosen, all: [daemon, haproxy, ...chosen] }[victim];
}

const instancePid = async (site: Site, id: string): Promise<number> =>
  Number(await readFile(join(site.home.run, 'instances', id, 'pid'), 'utf8').catch(() => '0'));

function kill(pid: number): void {
  try {
    if (pid > 1) process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended by itself.
  }
}

async function healthy(site: Site): Promise<boolean> {
  const status = await (await site.client()).status({ service: 'web' });
  const serving = status.groups.find((group) => group.release === status.serving);
  return status.phase === 'steady' && serving?.healthy === status.size && serving.weight === 10_000;
}

const site = await openSite('web', PORT);
console.log(`seed ${SEED}`);
const times: number[] = [];
try {
  await site.must('deploy');
  for (let run = 1; run <= RUNS; run++) {
    const [strategy, victim, afterMs] = [pick(STRATEGIES), pick(VICTIMS), random.below(2500)];
    await site.version(`v${run}`);
    await site.must('deploy', '--no-wait', '--strategy', strategy);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    const pids = await pidsOf(site, victim);
    const startedAt = performance.now();
    for (const pid of pids) kill(pid);
    await until(
      `run ${run} (${strategy}, ${victim} after ${afterMs} ms) to converge`,
      90,
      () => healthy(site).catch(() => false),
      50,
    );
    times.push((performance.now() - startedAt) / 1000);
    console.log(
      `${String(run).padStart(3)}  ${strategy.padEnd(10)} ${victim.padEnd(8)} after ${String(afterMs).padStart(4)} ms  ${times.at(-1)?.toFixed(1)} s`,
    );
  }
  await site.must('down');
  const left = await leftovers(site.home);
  for (const line of left) console.log(`left over: ${line}`);
  print([{ what: 'from the kill to a healthy fleet', unit: 's', runs: times }]);
  process.exitCode = left.length === 0 ? 0 : 1;
} finally {
  await site.close();
}
