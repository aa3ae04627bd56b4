/**
 * The daemon at rest with many instances: its CPU time and memory over a while; and the time of `kiln status`.
 *   node bench/idle.ts [INSTANCES, 100] [SECONDS, 30]
 */
import { readFile } from 'node:fs/promises';

import { print } from './figures.ts';
import { openSite } from './site.ts';

const INSTANCES = Number(process.argv[2] ?? 100);
const SECONDS = Number(process.argv[3] ?? 30);
const TICKS_PER_SECOND = 100;

interface Usage {
  readonly cpuSeconds: number;
  readonly memoryMb: number;
}

async function usage(pid: number): Promise<Usage> {
  const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND, memoryMb: kilobytes / 1024 };
}

const site = await openSite('web', 18_084, (spec) => spec.replace(/instances: .*/, `instances: ${INSTANCES}`));
try {
  await site.must('deploy');
  const { pid } = await (await site.client()).health({});
  const before = await usage(pid);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const after = await usage(pid);
  const status: number[] = [];
  for (let run = 0; run < 10; run++) status.push((await site.must('status')).ms);
  const cpu = (100 * (after.cpuSeconds - before.cpuSeconds)) / SECONDS;
  print([
    { what: `CPU of the daemon, ${INSTANCES} instances at rest`, unit: '%', runs: [cpu] },
    { what: 'memory of the daemon', unit: 'MB', runs: [after.memoryMb] },
    { what: 'kiln status', unit: 'ms', runs: status },
  ]);
} finally {
  await site.close();
}
