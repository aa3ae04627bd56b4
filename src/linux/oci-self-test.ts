/** Which OCI runtime works on this machine: found out by running something, once for each boot. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { isThere, readIfThere } from '../platform/files.ts';
import type { Home } from '../platform/home.ts';
import { readCgroups, removeCgroup } from './cgroups.ts';
import { ociRuntime } from './oci-runtime.ts';
import { findProgram } from './programs.ts';
import { runtimeConfig, type RuntimeOptions } from './runtime-config.ts';

const CANDIDATES = ['runc', 'crun'] as const;
const TEST_MS = 10_000;
const TEST = 'test-';
/** Where a system's programs and their libraries lie. */
const SYSTEM = ['/bin', '/lib', '/lib64', '/usr'];

export interface SelfTest {
  /** The whole path of the first runtime that works; null where none does. */
  readonly program: string | null;
  /** Why the others, tried before, did not. */
  readonly failures: readonly string[];
}

/** The answer of an earlier call in this boot is taken again, as long as it was good. */
export async function selfTest(home: Home, bootId: string): Promise<SelfTest> {
  const file = join(home.run, 'oci-runtime.json');
  const known = JSON.parse((await readIfThere(file)) ?? '{}') as { bootId?: string; program?: string };
  if (known.bootId === bootId && known.program !== undefined && (await isThere(known.program))) {
    return { program: known.program, failures: [] };
  }
  const failures: string[] = [];
  for (const name of CANDIDATES) {
    const program = await findProgram(name);
    if (program === null) continue;
    const failure = await tryRuntime(home, program);
    if (failure === null) {
      await writeFile(file, JSON.stringify({ bootId, program }));
      return { program, failures };
    }
    failures.push(`${name}: ${failure}`);
  }
  return { program: null, failures };
}

/** Deletes what tests left that a crash cut off. Their cgroups go with all those of the home that nobody knows. */
export async function sweepSelfTests(home: Home): Promise<void> {
  for (const name of await readdir(home.run)) {
    if (name.startsWith(`kiln-${home.id}.${TEST}`)) await rm(join(home.run, name), { recursive: true, force: true });
  }
}

/** Null: it runs a program of this system under everything that an instance runs under. */
async function tryRuntime(home: Home, program: string): Promise<string | null> {
  const id = `kiln-${home.id}.${TEST}${randomBytes(4).toString('hex')}`;
  const folder = join(home.run, id);
  const runtime = ociRuntime(program, join(folder, 'state'));
  try {
    await writeFile(join(folder, 'config.json'), JSON.stringify(runtimeConfig(await testOptions(folder, id))));
    const result = await runtime.runToEnd(id, folder, AbortSignal.timeout(TEST_MS));
    return result.code === 0 ? null : result.stderr.trim().split('\n').at(-1) || `ended with code ${result.code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await runtime.remove(id).catch(() => {}); // It may not even know the command.
    await removeCgroup(id);
    await rm(folder, { recursive: true, force: true });
  }
}

async function testOptions(folder: string, cgroup: string): Promise<RuntimeOptions> {
  const root = join(folder, 'root');
  for (const name of ['proc', 'dev', 'sys']) await mkdir(join(root, name), { recursive: true });
  const found = (await Promise.all(SYSTEM.map(async (path) => ({ path, there: await isThere(path) })))).filter(
    ({ there }) => there,
  );
  for (const { path } of found) await mkdir(join(root, path), { recursive: true });
  return {
    root,
    rootWritable: false,
    process: { args: ['/bin/true'], env: {}, cwd: '/', uid: 65534, gid: 65534, groups: [] },
    hostname: 'test',
    capabilities: [],
    mayGainPrivileges: false,
    network: 'own',
    mounts: found.map(({ path }) => ({ kind: 'bind', from: path, path, writable: false })),
    limits: { memoryBytes: 64 << 20, cpus: 1, pids: 16 },
    cgroup: `/${cgroup}`,
    cgroups: await readCgroups(),
  };
}
