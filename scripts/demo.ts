/**
 * `npm run demo`: the whole of Kiln's job on a real application, told as it happens. Drives the same commands that a person
 * would type, keeps a load running against the service, and says at the end what it left running and how to stop it.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { styleText } from 'node:util';

import { startLoad, type Load } from '../bench/load.ts';
import { poll } from '../src/platform/poll.ts';

const ROOT = join(import.meta.dirname, '..');
const HOME = process.env['KILN_HOME'] ?? '/var/lib/kiln-demo';
const APP = join(HOME, 'demo', 'web');
const KILN = join(ROOT, 'bin/kiln');
const PORT = 8080;

const bold = (text: string): string => styleText('bold', text);
const dim = (text: string): string => styleText('dim', text);
const say = (text = ''): void => console.log(text);
const chapter = (text: string): void => say(`\n${bold(text)}`);

interface Told {
  readonly code: number;
  readonly ms: number;
}

/** Runs `kiln …` in the app's folder, its output indented below the command as a person would type it. */
function kiln(...args: readonly string[]): Promise<Told> {
  say(`\n  $ kiln ${args.join(' ')}`);
  const startedAt = performance.now();
  const child = spawn(KILN, args, { cwd: APP, env: { ...process.env, KILN_HOME: HOME }, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) say(`    ${line}`);
    });
    stream.on('end', () => (rest === '' ? undefined : say(`    ${rest}`)));
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, ms: performance.now() - startedAt }));
  });
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const child = spawn(KILN, [...args, '--json'], {
    cwd: APP,
    env: { ...process.env, KILN_HOME: HOME },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as T;
}

function must(told: Told, code: number, what: string): void {
  if (told.code !== code) throw new Stopped(`${what}: kiln exited with ${told.code}, expected ${code}`);
}

/** Something did not go as the story has it. What is said above tells why. */
class Stopped extends Error {}

async function release(version: string, change: (text: string) => string = (text) => text): Promise<void> {
  await writeFile(join(APP, 'version.txt'), `${version}\n`);
  const spec = await readFile(join(ROOT, 'examples/web/kiln.yaml'), 'utf8');
  await writeFile(join(APP, 'kiln.yaml'), change(spec));
}

/** The answers of the last second by version, once a second, until told to stop. */
function narrate(load: Load): () => void {
  let before = load.report();
  const timer = setInterval(() => {
    const now = load.report();
    const parts = Object.entries(now.versions).flatMap(([version, count]) => {
      const recent = count - (before.versions[version] ?? 0);
      return recent === 0 ? [] : [`${version} ${recent}`];
    });
    say(dim(`      traffic  ${parts.join('  ')}  failed ${now.failed}`));
    before = now;
  }, 1000);
  return () => clearInterval(timer);
}

async function narrated<T>(load: Load, work: Promise<T>): Promise<T> {
  const stop = narrate(load);
  try {
    return await work;
  } finally {
    stop();
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  if (!(await poll(holds, { withinMs: 300_000, everyMs: 100 }))) throw new Stopped(`not within five minutes: ${what}`);
}

interface Status {
  readonly phase: string;
  readonly serving: number | null;
  readonly instances: readonly { readonly id: string; readonly health: string; readonly release: number }[];
}

const status = (): Promise<Status> => json<Status>('status', 'web');
const atRest = async (): Promise<boolean> => (await status()).phase === 'steady';

/** Tags never move, so a demo that was run before, on other sources, needs another version. */
async function freeVersion(): Promise<string> {
  const { images } = await json<{ images: readonly { tags: readonly string[] }[] }>('images');
  const taken = new Set(images.flatMap((image) => image.tags));
  const patch = Array.from({ length: taken.size + 1 }, (_, number) => number).find((number) => !taken.has(`web:1.0.${number}`));
  return `1.0.${patch}`;
}

interface Ending {
  readonly load: Load;
  /** Requests that the process had accepted which was killed: nobody else could answer those that must not be sent twice. */
  readonly lost: number;
}

async function story(): Promise<Ending> {
  chapter('1  Bake a golden image, deploy three instances of exactly that digest');
  await release('v1');
  must(await kiln('up'), 0, 'the start');
  must(await kiln('bake', '--tag', await freeVersion()), 0, 'the bake');
  must(await kiln('bake'), 0, 'the bake again, with nothing changed');
  must(await kiln('deploy', '--env', 'local'), 0, 'the first deploy');

  chapter('2  Under load: replace v1 by v2, a few instances at a time');
  const load = startLoad({ host: '127.0.0.1', port: PORT, users: 16, requests: 1_000_000, perSecond: 300 });
  await release('v2');
  must(await narrated(load, kiln('deploy', '--env', 'local')), 0, 'the rolling update');

  chapter('3  v3 is never healthy: it gets no traffic and is rolled back');
  await release('v3', (spec) =>
    spec.replace('env: { PORT:', 'env: { HEALTH: fail, PORT:').replace('deadline: 30s', 'deadline: 5s'),
  );
  must(await narrated(load, kiln('deploy', '--env', 'local')), 4, 'the failed deploy');
  say(`\n  v3 answered ${load.report().versions['v3'] ?? 0} requests.`);

  chapter('4  v4 by blue-green, and back at once');
  await release('v4');
  must(await narrated(load, kiln('deploy', '--env', 'local', '--strategy', 'blue-green')), 0, 'the blue-green deploy');
  const before = performance.now();
  must(await kiln('rollback', 'web'), 0, 'the rollback');
  const last = load.report().lastAnswerAt['v4'] ?? before;
  say(
    `\n  From the command to the last answer of v4: ${Math.max(0, last - before).toFixed(0)} ms, the start of the command included.`,
  );

  chapter('5  An instance is killed: it is replaced by an identical one');
  const { serving, instances } = await status();
  const victim = instances.find((each) => each.health === 'healthy' && each.release === serving);
  const pid = await pidOf(victim?.id ?? '');
  const { failed } = load.report();
  say(`\n  $ kill -9 ${pid}        # ${victim?.id}`);
  process.kill(pid, 'SIGKILL');
  await until('three healthy instances without the dead one', async () => {
    const others = (await status()).instances.filter((each) => each.release === serving && each.id !== victim?.id);
    return others.filter((each) => each.health === 'healthy').length === 3;
  });
  await kiln('status', 'web');
  const lost = load.report().failed - failed;

  chapter('6  The daemon is killed in the middle of a rollout: it is finished all the same');
  await release('v5');
  must(await kiln('deploy', '--env', 'local', '--no-wait'), 0, 'the deploy');
  const daemon = (await json<{ pid: number }>('up')).pid;
  say(`\n  $ kill -9 ${daemon}        # the daemon; instances and the load balancer go on`);
  process.kill(daemon, 'SIGKILL');
  await narrated(load, until('the rollout to be finished', atRest));
  await kiln('status', 'web');
  return { load, lost };
}

/** The process of an instance, as the engine keeps it. */
async function pidOf(instance: string): Promise<number> {
  const record = await readFile(join(HOME, 'run/instances', instance, 'pid'), 'utf8');
  return Number(record.trim());
}

async function main(): Promise<number> {
  if (process.getuid?.() !== 0) {
    say('The demo runs real instances on this machine, which needs root. Run it as root: sudo npm run demo');
    return 2;
  }
  const startedAt = performance.now();
  await rm(join(HOME, 'demo'), { recursive: true, force: true });
  await mkdir(join(HOME, 'demo'), { recursive: true });
  await cp(join(ROOT, 'examples/web'), APP, { recursive: true, filter: (path) => !path.includes('node_modules') });
  say(`${bold('Kiln')}: bake, deploy, replace, prove. Everything of this demo lives in ${HOME}.`);
  const { load, lost } = await story();
  const total = await load.stop();
  chapter('What happened');
  await kiln('history', 'web', '--limit', '12');
  await kiln('history', 'verify');
  say(`\n  ${total.requests.toLocaleString('en')} requests during all of this, ${total.failed - lost} failed.`);
  if (lost > 0) say(`  ${lost} more were with the process that was killed, and are not safe to send twice.`);
  for (const failure of total.failures) say(`    ${failure}`);
  say(`  The demo took ${((performance.now() - startedAt) / 1000).toFixed(0)} s.`);
  whereabouts();
  return total.failed === lost ? 0 : 1;
}

function whereabouts(): void {
  say(`\n  It is still running:  curl http://127.0.0.1:${PORT}/`);
  say(`  Look at it:           KILN_HOME=${HOME} bin/kiln status web`);
  say(`  Stop it:              KILN_HOME=${HOME} bin/kiln down`);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Stopped)) throw error;
  say(`\n${bold('The demo stopped.')} ${error.message}`);
  whereabouts();
  // The load is still running.
  process.exit(1);
}
