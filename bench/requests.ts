/**
 * Requests through each kind of change, counted to the last one.
 *   node bench/requests.ts [REQUESTS per kind, 200000] [KIND…]
 * Kinds: rolling, blue-green, rollback, heal, daemon-killed, haproxy-reloaded.
 */

import { existsSync } from 'node:fs';

import { startLoad, type Load } from './load.ts';
import { atRest, atRestNow, haproxyPid, openSite, until, type Site } from './site.ts';

const REQUESTS = Number(process.argv[2] ?? 200_000);
const ASKED = process.argv.slice(3);
const PORT = 18_082;

/** One change; repeated until the requests are through. */
const KINDS: Readonly<Record<string, (site: Site, run: number) => Promise<void>>> = {
  rolling: async (site, run) => deploy(site, `r${run}`),
  'blue-green': async (site, run) => deploy(site, `b${run}`, '--strategy', 'blue-green'),
  async rollback(site, run) {
    await deploy(site, `k${run}`, '--strategy', 'blue-green');
    await site.must('rollback', 'web');
    await atRest(site);
  },
  async heal(site, run) {
    await site.must('scale', 'web', String(3 + (run % 2)));
    await atRest(site);
  },
  async 'daemon-killed'(site, run) {
    await site.version(`d${run}`);
    await site.must('deploy', '--no-wait');
    const client = await site.client();
    const { pid } = await client.health({});
    process.kill(pid, 'SIGKILL');
    await until('the killed daemon gone', 5, async () => !existsSync(`/proc/${pid}`));
    await until('a daemon that has finished the rollout', 60, () => atRestNow(site), 100);
  },
  async 'haproxy-reloaded'(site) {
    process.kill(await haproxyPid(site.home), 'SIGUSR2');
    await new Promise((resolve) => setTimeout(resolve, 2000));
  },
};

async function deploy(site: Site, version: string, ...args: readonly string[]): Promise<void> {
  await site.version(version);
  await site.must('deploy', ...args);
}

async function measure(site: Site, kind: string): Promise<boolean> {
  const load: Load = startLoad({ host: '127.0.0.1', port: PORT, users: 32, requests: REQUESTS });
  let changes = 0;
  while (load.report().requests < REQUESTS) await KINDS[kind]?.(site, changes++);
  const report = await load.done;
  const rate = report.requests / report.seconds;
  console.log(
    `${kind.padEnd(18)} ${report.requests} requests, ${report.failed} failed, ${changes} changes, ${rate.toFixed(0)} requests/s`,
  );
  for (const failure of report.failures) console.log(`  ${failure}`);
  return report.failed === 0;
}

const site = await openSite('web', PORT);
try {
  await site.must('deploy');
  let clean = true;
  for (const kind of ASKED.length > 0 ? ASKED : Object.keys(KINDS)) clean = (await measure(site, kind)) && clean;
  process.exitCode = clean ? 0 : 1;
} catch (error) {
  // Before what follows can fail, too.
  console.error(error);
  process.exitCode = 1;
} finally {
  await site.close();
}
