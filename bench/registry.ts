/**
 * Push and pull of the same image through Debian's docker-registry, first and after a one-file change: time, and bytes on the
 * wire in both directions, counted by a proxy in between. skopeo copy beside it, in turns, to a repository of its own.
 *   node bench/registry.ts [RUNS, 3] [MEGABYTES, 60]
 */
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort, startRegistry } from '../src/oci/testing/docker-registry.ts';
import { type Figure, print } from './figures.ts';
import { runProgram } from './site.ts';

const RUNS = Number(process.argv[2] ?? 3);
const MEGABYTES = Number(process.argv[3] ?? 60);
const KILN = join(import.meta.dirname, '..', 'bin', 'kiln');

const RECIPE = `service: bench
image:
  from: scratch
  files:
    - { from: lib, to: /lib }
    - { from: assets, to: /assets }
    - { from: app, to: /app }
  entrypoint: [/app/run]
run: { port: 80 }
environments:
  local: { engine: host, listen: 18088 }
`;

interface Wire {
  readonly host: string;
  bytes: number;
  readonly server: Server;
}

/** Everything that goes to the registry and comes back goes through here. */
async function openWire(registry: string): Promise<Wire> {
  const port = await freePort();
  const server = createServer((client) => {
    const upstream = connect(Number(registry.split(':')[1]), '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (chunk: Buffer) => (wire.bytes += chunk.length));
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  const wire: Wire = { host: `127.0.0.1:${port}`, bytes: 0, server };
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return wire;
}

const figures = new Map<string, { unit: Figure['unit']; runs: number[] }>();

function note(what: string, unit: Figure['unit'], value: number): void {
  const known = figures.get(what) ?? { unit, runs: [] };
  known.runs.push(value);
  figures.set(what, known);
}

async function must(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<{ ms: number; stdout: string }> {
  const told = await runProgram(program, args, { env, cwd });
  if (told.code !== 0) throw new Error(`${program} ${args.join(' ')}: ${told.stderr}`);
  return told;
}

async function measured(what: string, wire: Wire, work: () => Promise<{ ms: number }>): Promise<void> {
  wire.bytes = 0;
  const { ms } = await work();
  note(`${what}: time`, 'ms', ms);
  note(`${what}: wire`, 'kB', wire.bytes / 1e3);
}

async function writeSources(folder: string): Promise<void> {
  for (const name of ['lib', 'assets', 'app']) await mkdir(join(folder, name), { recursive: true });
  // Half can be compressed, as programs can; half cannot, as pictures can't.
  for (let at = 0; at < MEGABYTES / 2; at += 1) {
    await writeFile(join(folder, 'lib', `${at}`), randomBytes(250_000).toString('base64').repeat(3));
    await writeFile(join(folder, 'assets', `${at}`), randomBytes(1_000_000));
  }
  await writeFile(join(folder, 'app', 'run'), 'one\n');
  await writeFile(join(folder, 'kiln.yaml'), RECIPE);
}

/** One round with homes and a registry of its own, since who has pulled an image once has it, and skopeo remembers who has what. */
async function round(run: number, root: string): Promise<void> {
  const registry = await startRegistry();
  const wire = await openWire(registry.host);
  try {
    await transfers(run, root, wire);
  } finally {
    wire.server.close();
    await registry[Symbol.asyncDispose]();
  }
}

async function transfers(run: number, root: string, wire: Wire): Promise<void> {
  const folder = join(root, 'sources');
  const [here, there] = [join(root, `push-${run}`), join(root, `pull-${run}`)];
  const kiln = (home: string, ...args: readonly string[]): ReturnType<typeof must> =>
    must(KILN, args, { ...process.env, KILN_HOME: home }, folder);
  const skopeo = (from: string, to: string): ReturnType<typeof must> =>
    must(
      'skopeo',
      ['--insecure-policy', 'copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false', from, to],
      process.env,
      folder,
    );
  await kiln(there, 'up');
  try {
    for (const version of ['1', '2'] as const) {
      if (version === '2') await appendFile(join(folder, 'app', 'run'), `${run}\n`);
      await kiln(here, 'bake', '--tag', `${run}.${version}`);
      const when = version === '1' ? 'first' : 'one file changed';
      const tag = `${run}.${version}`;
      const [ours, theirs] = [`${wire.host}/kiln-${run}/bench:${tag}`, `docker://${wire.host}/skopeo-${run}/bench:${tag}`];
      await measured(`push, ${when}: kiln push`, wire, () => kiln(here, 'push', `bench:${tag}`, ours));
      await measured(`push, ${when}: skopeo copy`, wire, () => skopeo(`oci:${here}/images:bench:${tag}`, theirs));
      await measured(`pull, ${when}: kiln pull`, wire, () => kiln(there, 'pull', ours));
      await measured(`pull, ${when}: skopeo copy`, wire, () => skopeo(theirs, `oci:${root}/layout-${run}:${tag}`));
    }
  } finally {
    for (const home of [here, there]) await kiln(home, 'down');
  }
}

const root = await mkdtemp(join(tmpdir(), 'kiln-bench-'));
try {
  await writeSources(join(root, 'sources'));
  for (let run = 0; run < RUNS; run += 1) await round(run, root);
  print([...figures].map(([what, { unit, runs }]) => ({ what, unit, runs })).toSorted((a, b) => a.what.localeCompare(b.what)));
} finally {
  await rm(root, { recursive: true, force: true });
}
