/**
 * Replacing eight health-checked instances of the web app by the next version, start first, two at a time: Kiln, Docker
 * Swarm and Kubernetes, in turns, each from the command until only the new version runs.
 *   node bench/replace.ts [RUNS, 3]
 * Swarm is measured where a Docker Engine answers, Kubernetes where KUBECONFIG names a cluster on that same engine.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { print, type Figure } from './figures.ts';
import { openSite, runProgram, until, type Site } from './site.ts';

const RUNS = Number(process.argv[2] ?? 3);
const PORT = 18_088;
const HEALTH = "fetch('http://127.0.0.1:3000/healthz').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))";

async function must(command: string, ...args: readonly string[]): Promise<string> {
  const told = await runProgram(command, args);
  if (told.code !== 0) throw new Error(`${command} ${args.join(' ')}: ${told.stderr}`);
  return told.stdout;
}

async function kiln(site: Site, run: number): Promise<number> {
  await site.version(run % 2 === 0 ? 'v1' : 'v2');
  const startedAt = performance.now();
  await site.must('deploy', '--image', `bench:v${(run % 2) + 1}`);
  return performance.now() - startedAt;
}

async function swarmUp(): Promise<void> {
  await must('docker', 'swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1:2377');
  const health = ['--health-cmd', `node -e "${HEALTH}"`, '--health-interval', '1s', '--health-timeout', '1s'];
  const update = [
    '--update-parallelism',
    '2',
    '--update-order',
    'start-first',
    '--update-delay',
    '0s',
    '--update-monitor',
    '1s',
    '--update-failure-action',
    'continue',
  ];
  await must(
    'docker',
    'service',
    'create',
    '-q',
    '--name',
    'web',
    '--replicas',
    '8',
    '--env',
    'PORT=3000',
    ...health,
    ...update,
    'kiln-bench:v1',
  );
}

async function swarm(run: number): Promise<number> {
  const startedAt = performance.now();
  await must('docker', 'service', 'update', '-q', '--image', `kiln-bench:v${(run % 2) + 1}`, 'web');
  return performance.now() - startedAt;
}

const manifest = (version: string): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 8,
      selector: { matchLabels: { app: 'web' } },
      strategy: { rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            {
              name: 'web',
              image: `kiln-bench:${version}`,
              imagePullPolicy: 'Never',
              env: [{ name: 'PORT', value: '3000' }],
              readinessProbe: { httpGet: { path: '/healthz', port: 3000 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  });

/** Until no pod of the old version is left, as for the others. */
async function kubernetes(site: Site, version: string): Promise<number> {
  const file = join(site.folder, 'deployment.json');
  await writeFile(file, manifest(version));
  const startedAt = performance.now();
  await must('kubectl', 'apply', '-f', file);
  await must('kubectl', 'rollout', 'status', 'deployment/web', '--timeout=180s');
  return performance.now() - startedAt;
}

const edit = (spec: string): string =>
  spec.replace(/instances: .*/, 'instances: 8').replace('strategy: rolling', 'strategy: rolling\n  max-surge: 2');

const site = await openSite('web', PORT, edit);
const docker = (await runProgram('docker', ['info'])).code === 0;
const cluster = docker && process.env['KUBECONFIG'] !== undefined;
try {
  for (const version of ['v1', 'v2']) {
    await site.version(version);
    const { digest } = JSON.parse((await site.must('bake', '--json')).stdout) as { digest: string };
    await site.must('tag', digest, `bench:${version}`);
    if (docker)
      await must('skopeo', 'copy', '-q', `oci:${site.home.images}:bench:${version}`, `docker-daemon:kiln-bench:${version}`);
  }
  const figures: Record<'kiln' | 'swarm' | 'kubernetes', number[]> = { kiln: [], swarm: [], kubernetes: [] };
  await site.must('deploy', '--image', 'bench:v1');
  for (let run = 1; run <= RUNS; run++) figures.kiln.push((await kiln(site, run)) / 1000);
  console.log(`Kiln: ${figures.kiln.map((s) => s.toFixed(1)).join(', ')} s`);
  await site.must('down');
  if (docker) {
    await swarmUp();
    await until('eight replicas', 120, async () => (await must('docker', 'service', 'ls')).includes('8/8'), 200);
    for (let run = 1; run <= RUNS; run++) figures.swarm.push((await swarm(run)) / 1000);
    await must('docker', 'service', 'rm', 'web');
    await must('docker', 'swarm', 'leave', '--force');
  }
  if (cluster) {
    await kubernetes(site, 'v1');
    for (let run = 1; run <= RUNS; run++) figures.kubernetes.push((await kubernetes(site, `v${(run % 2) + 1}`)) / 1000);
    await must('kubectl', 'delete', 'deployment', 'web');
  }
  const names = { kiln: 'Kiln', swarm: 'Docker Swarm', kubernetes: 'Kubernetes' } as const;
  const measured = (['kiln', 'swarm', 'kubernetes'] as const).filter((name) => figures[name].length > 0);
  print(measured.map((name): Figure => ({ what: `8 instances replaced, ${names[name]}`, unit: 's', runs: figures[name] })));
  if (!docker) console.log('no Docker Engine answers here: Swarm and Kubernetes are not measured');
} finally {
  await site.close();
}
