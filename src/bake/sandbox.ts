/**
 * Runs a command as root in the root of a step, by runc. The runtime lives in process and mount namespaces that die with
 * this process: a crash of Kiln ends the command, and leaves only files, which the work folder's owner deletes.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { readCgroups } from '../linux/cgroups.ts';
import { runtimeConfig, type RuntimeMount } from '../linux/runtime-config.ts';
import { exec, type ExecResult } from '../platform/exec.ts';
import { isThere } from '../platform/files.ts';
import type { Home } from '../platform/home.ts';
import { buildMounts } from './build-environment.ts';
import type { StepRoot } from './mounted-root.ts';
import { resolveInRoot } from './root-path.ts';
import { makeFolder } from './work-folder.ts';

export interface SandboxCommand {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** true: the machine's own network. */
  readonly network: boolean;
  readonly mounts: readonly RuntimeMount[];
}

export interface SandboxDeps {
  readonly home: Home;
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
}

/** What Docker gives a build step: enough for package managers, no more. */
const CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

const TMPFS_BYTES = 4 * 2 ** 30;

/** What a program and all its children are started under, so that none of them outlives Kiln. */
export const MORTAL: readonly string[] = '--pdeathsig KILL -- unshare --mount --pid --fork --kill-child --mount-proc --'.split(
  ' ',
);

/** Answers whatever the exit code was; the signal's reason is thrown when it fired. Nothing of the command is left running. */
export async function runInSandbox(root: StepRoot, command: SandboxCommand, deps: SandboxDeps): Promise<ExecResult> {
  const bundle = join(root.work, `bake-${randomBytes(4).toString('hex')}`);
  await mkdir(bundle);
  await writeFile(join(bundle, 'config.json'), JSON.stringify(await configOf(root, command, deps.home, bundle)));
  const state = await makeFolder(join(root.work, 'runc'), 0o700);
  const id = `kiln-${deps.home.id}-bake-${randomBytes(4).toString('hex')}`;
  const runc = ['runc', '--root', state, 'run', '--bundle', bundle, id];
  try {
    const onOutput = (chunk: Buffer): void => deps.onText(chunk.toString('utf8'));
    return await exec('setpriv', [...MORTAL, ...runc], { signal: deps.signal, onOutput });
  } catch (error) {
    throw deps.signal.aborted ? deps.signal.reason : error;
  } finally {
    await exec('runc', ['--root', state, 'delete', '--force', id]);
  }
}

async function surroundingsIn({ merged, surroundings: { mounts, needs } }: StepRoot): Promise<readonly RuntimeMount[]> {
  const there = await Promise.all(needs.map(async (path) => isThere(await resolveInRoot(merged, path))));
  return there.every(Boolean) ? mounts : [];
}

const tmpfs = (path: string): RuntimeMount => ({ kind: 'tmpfs', path, sizeBytes: TMPFS_BYTES });

async function configOf(root: StepRoot, command: SandboxCommand, home: Home, bundle: string): Promise<object> {
  return runtimeConfig({
    root: root.merged,
    rootWritable: true,
    process: { args: command.args, env: command.env, cwd: command.cwd, uid: 0, gid: 0, groups: [] },
    hostname: 'bake',
    capabilities: CAPABILITIES,
    mayGainPrivileges: true,
    network: command.network ? 'host' : 'own',
    mounts: [
      // runc makes folders for mounts by its own umask: what is lent below /run/kiln is for every user of the root.
      ...['/tmp', '/run', '/run/kiln', '/root/.npm', '/root/.cache'].map(tmpfs),
      ...(await buildMounts(bundle)),
      ...(await surroundingsIn(root)),
      ...command.mounts,
    ],
    limits: null,
    cgroup: `/kiln-${home.id}.${basename(bundle)}`,
    cgroups: await readCgroups(),
  });
}
