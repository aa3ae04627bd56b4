/** What the host engine needs of the machine, each lack with its mending. Changes nothing but for a test container. */
import { readFile } from 'node:fs/promises';

import { exec } from '../../platform/exec.ts';
import { isThere } from '../../platform/files.ts';
import type { Home } from '../../platform/home.ts';
import { selfTest } from '../../linux/oci-self-test.ts';
import { bridgeName } from '../../linux/network.ts';
import { missingPrograms, type Condition, type Requirement } from '../../linux/requirements.ts';
import type { Problem } from '../engine.ts';

export const HOST_PROGRAMS: readonly Requirement[] = [
  { program: 'conmon', debianPackage: 'conmon', why: 'it keeps instances and their logs while the daemon is away', fatal: true },
  { program: 'ip', debianPackage: 'iproute2', why: 'it connects instances to the network', fatal: true },
  { program: 'nft', debianPackage: 'nftables', why: 'it keeps instances apart from the machine and each other', fatal: true },
  { program: 'mount', debianPackage: 'mount', why: 'it mounts images', fatal: true },
  { program: 'umount', debianPackage: 'mount', why: 'it takes down what was mounted', fatal: true },
  { program: 'nsenter', debianPackage: 'util-linux', why: 'it sets up the network inside an instance', fatal: true },
  { program: 'setpriv', debianPackage: 'util-linux', why: 'it ends health commands with the daemon', fatal: true },
  {
    program: 'setfattr',
    debianPackage: 'attr',
    why: 'without it no layer with capabilities or access lists is unpacked',
    fatal: false,
  },
  { program: 'mkfs.erofs', debianPackage: 'erofs-utils', why: 'without it layers are kept unpacked', fatal: false },
  { program: 'perl', debianPackage: 'perl-base', why: 'without it each layer takes a loop device', fatal: false },
  { program: 'logger', debianPackage: 'bsdutils', why: 'without it no log is shipped to a socket of syslog', fatal: false },
];

const ROOT = { name: 'root', fix: 'start the daemon as root: `sudo kiln up`' };
const KERNEL = [
  { name: 'overlay', fix: 'a kernel with CONFIG_OVERLAY_FS', fatal: true },
  { name: 'erofs', fix: 'a kernel with EROFS: layers take less space', fatal: false },
] as const;
const CONTROLLERS = ['memory', 'cpu', 'pids'].map((name) => ({ name, fix: `enable it at boot (cgroup_enable=${name})` }));
const FIREWALL = { name: 'nf_tables in the kernel', fix: 'run a kernel with nf_tables' };
const RUNTIME = { name: 'an OCI runtime that works', fix: 'apt-get install runc' };
const kernelName = (name: string): string => `${name} in the kernel`;
const controllerName = (name: string): string => `the ${name} cgroup controller`;

/** Besides programs. */
export const HOST_CONDITIONS: readonly Condition[] = [
  ROOT,
  ...KERNEL.map(({ name, fix }) => ({ name: kernelName(name), fix })),
  ...CONTROLLERS.map(({ name, fix }) => ({ name: controllerName(name), fix })),
];
/** Looked at only where nothing fatal is missing. */
export const HOST_CONDITIONS_LAST: readonly Condition[] = [FIREWALL, RUNTIME];

export async function checkHost(home: Home, bootId: string): Promise<readonly Problem[]> {
  const problems: (Problem | null)[] = [rootProblem(), ...(await missingPrograms(HOST_PROGRAMS))];
  problems.push(...(await kernelProblems()), ...(await cgroupProblems()));
  // The rest would only say the same again.
  if (problems.every((problem) => problem?.fatal !== true)) {
    problems.push(await firewallProblem(home), ...(await runtimeProblems(home, bootId)));
  }
  return problems.filter((problem) => problem !== null);
}

const fatal = (what: string, hint: string, requirement: string): Problem => ({ what, hint, fatal: true, requirement });

const rootProblem = (): Problem | null =>
  process.getuid?.() === 0 ? null : { ...fatal('the host engine needs root', ROOT.fix, ROOT.name), code: 'NEEDS_ROOT' };

async function kernelProblems(): Promise<readonly Problem[]> {
  const has = await Promise.all(KERNEL.map(({ name }) => hasFilesystem(name)));
  return KERNEL.filter((_, index) => has[index] === false).map(({ name, fix, fatal }) => ({
    what: `the kernel has no ${name}`,
    hint: fix,
    fatal,
    requirement: kernelName(name),
  }));
}

/** Loaded, or to be had as a module. */
async function hasFilesystem(name: string): Promise<boolean> {
  const loaded = (await readFile('/proc/filesystems', 'utf8'))
    .split('\n')
    .some((line) => line.trim().split('\t').at(-1) === name);
  return loaded || (await exec('modprobe', ['--dry-run', name]).catch(() => ({ code: 1 }))).code === 0;
}

async function cgroupProblems(): Promise<readonly Problem[]> {
  const unified = await readFile('/sys/fs/cgroup/cgroup.controllers', 'utf8').catch(() => null);
  const has = async (name: string): Promise<boolean> =>
    unified === null ? isThere(`/sys/fs/cgroup/${name}/cgroup.procs`) : unified.trim().split(' ').includes(name);
  const there = await Promise.all(CONTROLLERS.map(({ name }) => has(name)));
  return CONTROLLERS.filter((_, index) => there[index] === false).map(({ name, fix }) =>
    fatal(`the ${name} cgroup controller is not there, so limits can't be set`, fix, controllerName(name)),
  );
}

async function firewallProblem(home: Home): Promise<Problem | null> {
  const result = await exec('nft', ['list', 'tables']);
  if (result.code !== 0) return fatal(`nft can't reach the kernel: ${result.stderr.trim()}`, FIREWALL.fix, FIREWALL.name);
  // Docker sets this policy: one firewall's drop is final, whatever another accepts.
  const chain = await exec('nft', ['list', 'chain', 'ip', 'filter', 'FORWARD']);
  const bridge = bridgeName(home.id);
  if (!/policy drop/.test(chain.stdout) || chain.stdout.includes(bridge)) return null;
  return {
    what: 'another firewall of this machine (Docker?) drops what is forwarded, so instances reach nothing outside',
    hint: `iptables -I FORWARD -i ${bridge} -j ACCEPT; iptables -I FORWARD -o ${bridge} -m state --state RELATED,ESTABLISHED -j ACCEPT`,
    fatal: false,
  };
}

async function runtimeProblems(home: Home, bootId: string): Promise<readonly Problem[]> {
  const { program, failures } = await selfTest(home, bootId);
  if (program !== null) return [];
  if (failures.length === 0) return [fatal('no OCI runtime is installed', RUNTIME.fix, RUNTIME.name)];
  return [fatal(`no OCI runtime works: ${failures.join('; ')}`, `${RUNTIME.fix}, and see the message above`, RUNTIME.name)];
}
