/**
 * Rollback to a warm group: from the command to the last answer of the new version, under load.
 *   node bench/rollback.ts [RUNS]
 */
import { print } from './figures.ts';
import { startLoad } from './load.ts';
import { openSite, until } from './site.ts';

const RUNS = Number(process.argv[2] ?? 20);
const PORT = 18_081;

const site = await openSite('web', PORT);
try {
  await site.must('deploy');
  const client = await site.client();
  const api: number[] = [];
  for (let run = 1; run <= RUNS; run++) {
    const name = `w${run}`;
    await site.version(name);
    await site.must('deploy', '--strategy', 'blue-green');
    await until('no instance left of what was warm before', 60, async () => {
      const { instances, groups } = await client.status({ service: 'web' });
      return instances.length === groups.reduce((sum, group) => sum + group.size, 0);
    });
    const load = startLoad({
      host: '127.0.0.1',
      port: PORT,
      users: 16,
      requests: 100_000,
      perSecond: 1000,
      mix: { slow: 0, stream: 0, post: 200, fresh: 50 },
    });
    while ((load.report().versions[name] ?? 0) < 200) await new Promise((resolve) => setTimeout(resolve, 10));
    const startedAt = performance.now();
    await client.rollback({ service: 'web', by: 'bench' });
    const old = load.report().requests;
    while (load.report().requests < old + 300) await new Promise((resolve) => setTimeout(resolve, 10));
    const report = await load.stop();
    api.push((report.lastAnswerAt[name] ?? startedAt) - startedAt);
    if (report.failed > 0) throw new Error(`${report.failed} requests failed: ${report.failures.join('; ')}`);
  }
  print([{ what: 'rollback, command to last answer', unit: 'ms', runs: api.map((ms) => Math.max(0, ms)) }]);
} finally {
  await site.close();
}
