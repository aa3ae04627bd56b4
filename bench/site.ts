/** A place to measure in: a home of its own, a copy of an example, the kiln command. Leaves nothing behind. */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect } from '../src/client/connect.ts';
import type { Client } from '../src/client/client.ts';
import { kilnHome, type Home } from '../src/platform/home.ts';
import { poll } from '../src/platform/poll.ts';

const ROOT = join(import.meta.dirname, '..');

export interface Told {
  readonly code: number;
  readonly ms: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Site {
  readonly home: Home;
  readonly folder: string;
  readonly port: number;
  /** The command as a person runs it, to its end. */
  kiln(...args: readonly string[]): Promise<Told>;
  /** The same, and an exit code other than 0 throws with what it said. */
  must(...args: readonly string[]): Promise<Told>;
  client(): Promise<Client>;
  /** Writes the version into the sources, and kiln.yaml changed as told. */
  version(version: string, edit?: (spec: string) => string): Promise<void>;
  /** Retires everything and deletes the home. */
  close(): Promise<void>;
}

/** `edit` is applied to the example's kiln.yaml each time; the service listens on `port` of 127.0.0.1. */
export async function openSite(example: string, port: number, edit: (spec: string) => string = (spec) => spec): Promise<Site> {
  const root = await mkdtemp(join(tmpdir(), 'kiln-bench-'));
  const home = kilnHome({ KILN_HOME: join(root, 'home') }, 0);
  const folder = join(root, example);
  await cp(join(ROOT, 'examples', example), folder, { recursive: true, filter: (path) => !path.includes('node_modules') });
  await seed(home);
  const env = { ...process.env, KILN_HOME: home.root };
  const kiln = (...args: readonly string[]): Promise<Told> => runProgram(join(ROOT, 'bin/kiln'), args, { cwd: folder, env });
  const site: Site = {
    home,
    folder,
    port,
    kiln,
    async must(...args) {
      const told = await kiln(...args);
      if (told.code !== 0) throw new Error(`kiln ${args.join(' ')} exited with ${told.code}: ${told.stderr || told.stdout}`);
      return told;
    },
    client: () => connect(home, { start: true, env }),
    async version(version, change = (spec) => spec) {
      const spec = await readFile(join(ROOT, 'examples', example, 'kiln.yaml'), 'utf8');
      await writeFile(join(folder, 'version.txt'), `${version}\n`);
      await writeFile(join(folder, 'kiln.yaml'), change(edit(spec)).replace(/listen: \S+?(?=[ ,}\n])/, `listen: ${port}`));
    },
    async close() {
      const { code, stderr } = await kiln('down');
      // What is still mounted must not be deleted from under whatever runs.
      if (code !== 0) throw new Error(`kiln down ended with ${code}; ${home.root} is left as it is: ${stderr.trim()}`);
      await rm(root, { recursive: true, force: true });
    },
  };
  await site.version('v1');
  return site;
}

/** HAProxy's master, of which Kiln keeps a record. */
export async function haproxyPid(home: Home): Promise<number> {
  const record = JSON.parse(await readFile(join(home.run, 'lb/process.json'), 'utf8')) as {
    readonly master: { readonly pid: number };
  };
  return record.master.pid;
}

/** KILN_BENCH_SEED names a home whose images and bake cache are taken over, so that a run need not bake Debian anew. */
async function seed(home: Home): Promise<void> {
  const from = process.env['KILN_BENCH_SEED'];
  if (from === undefined) return;
  const names = ['images', 'layers', 'bake'];
  await Promise.all(
    names.map((name) => cp(join(from, name), join(home.root, name), { recursive: true, preserveTimestamps: true })),
  );
}

export function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Told> {
  const startedAt = performance.now();
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].on('data', (chunk: Buffer) => (said[stream] += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, ms: performance.now() - startedAt, ...said }));
  });
}

/** Waits for a condition, at most `seconds`. */
export async function until(what: string, seconds: number, holds: () => Promise<boolean>, everyMs = 5): Promise<void> {
  if (!(await poll(holds, { withinMs: seconds * 1000, everyMs }))) throw new Error(`not within ${seconds} s: ${what}`);
}

/** Whether a GET is answered with 200. */
export const answers = (url: string): Promise<boolean> =>
  fetch(url, { headers: { connection: 'close' } }).then(
    async (answer) => {
      await answer.arrayBuffer();
      return answer.status === 200;
    },
    () => false,
  );

/** Nothing is under way, and what serves is whole. */
export async function atRestNow(site: Site): Promise<boolean> {
  const client = await site.client();
  const status = await client.status({ service: 'web' });
  return status.phase === 'steady' && status.groups.find((group) => group.release === status.serving)?.healthy === status.size;
}

export const atRest = (site: Site): Promise<void> => until('the fleet at rest', 60, () => atRestNow(site), 50);
