/**
 * One instance, from the command to its first good answer; Docker's `docker run -d` of the same image beside it, in turns.
 *   node bench/launch.ts [RUNS, 10]
 * Docker is measured where its daemon answers; the image is handed to it by `skopeo copy`.
 */
import { print, type Figure } from './figures.ts';
import { answers, openSite, runProgram, until, type Site } from './site.ts';

const RUNS = Number(process.argv[2] ?? 10);
const PORT = 18_085;
const DOCKER_PORT = 18_086;
const URL = `http://127.0.0.1:${PORT}/`;

/** Scaling from none to one launches an instance of an image that is there, as `docker run` does. */
async function kilnOnce(site: Site): Promise<number> {
  const client = await site.client();
  await site.must('scale', 'web', '0');
  await until('no instance', 60, async () => (await client.status({ service: 'web' })).instances.length === 0, 20);
  const startedAt = performance.now();
  const scaled = site.must('scale', 'web', '1');
  await until('an answer', 30, () => answers(URL));
  const ms = performance.now() - startedAt;
  await scaled;
  return ms;
}

async function dockerOnce(): Promise<number> {
  const startedAt = performance.now();
  const run = await runProgram('docker', [
    'run',
    '-d',
    '-p',
    `127.0.0.1:${DOCKER_PORT}:3000`,
    '-e',
    'PORT=3000',
    'kiln-bench:web',
  ]);
  if (run.code !== 0) throw new Error(run.stderr);
  await until('an answer', 30, () => answers(`http://127.0.0.1:${DOCKER_PORT}/`));
  const ms = performance.now() - startedAt;
  await runProgram('docker', ['rm', '-f', run.stdout.trim()]);
  return ms;
}

const site = await openSite('web', PORT, (spec) => spec.replace(/instances: .*/, 'instances: { min: 0, desired: 1, max: 10 }'));
try {
  await site.must('deploy');
  const digest = (await (await site.client()).releases({ service: 'web' })).releases.at(-1)?.image ?? '';
  const docker = (await runProgram('docker', ['info'])).code === 0;
  if (docker) {
    await site.must('tag', digest, 'bench:web');
    const copied = await runProgram('skopeo', ['copy', `oci:${site.home.images}:bench:web`, 'docker-daemon:kiln-bench:web']);
    if (copied.code !== 0) throw new Error(copied.stderr);
  }
  const [mine, theirs]: [number[], number[]] = [[], []];
  for (let run = 0; run < RUNS; run++) {
    mine.push(await kilnOnce(site));
    if (docker) theirs.push(await dockerOnce());
  }
  const figures: Figure[] = [{ what: 'kiln scale web 1, to the first answer', unit: 'ms', runs: mine }];
  if (docker) figures.push({ what: 'docker run -d, to the first answer', unit: 'ms', runs: theirs });
  else console.log('no Docker Engine answers here: Docker is not measured');
  print(figures);
} finally {
  await runProgram('docker', ['rmi', '-f', 'kiln-bench:web']).catch(() => {});
  await site.close();
}
