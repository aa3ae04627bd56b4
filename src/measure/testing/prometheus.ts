/** Debian's Prometheus on a loopback port of its own, for tests. It watches what it is told to, every 100 ms. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from '../../oci/testing/docker-registry.ts';
import { poll } from '../../platform/poll.ts';

export interface TestPrometheus extends AsyncDisposable {
  readonly url: string;
}

/** `targets`: `127.0.0.1:PORT`, each asked for /metrics. Resolves when it answers queries. */
export async function startPrometheus(...targets: readonly string[]): Promise<TestPrometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-prometheus-'));
  const address = `127.0.0.1:${await freePort()}`;
  const scrape = { job_name: 'test', scrape_interval: '100ms', scrape_timeout: '100ms', static_configs: [{ targets }] };
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify({ scrape_configs: [scrape] })); // JSON is YAML.
  const options = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=${address}`,
  ];
  const child = spawn('prometheus', options, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const isReady = (): Promise<boolean> =>
    fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  if (!(await poll(isReady, { withinMs: 60_000, everyMs: 50 }))) throw new Error('Prometheus did not become ready');
  return {
    url: `http://${address}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
