/**
 * The OCI runtime configuration (runtime-spec 1.0.2, config.json) of everything that Kiln runs: instances, their probes and
 * the bake's run steps. Closed by default: what is to be open is named by the caller. No rlimit is raised and no
 * oom_score_adj lowered, because both need CAP_SYS_RESOURCE, which some machines lack.
 */
import type { Limits } from '../domain/release.ts';
import type { Cgroups } from './cgroups.ts';
import { seccompProfile } from './seccomp.ts';

export interface RuntimeProcess {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

export type RuntimeMount =
  /** A folder or file of the machine. Devices and set-uid programs on it have no effect. */
  | { readonly kind: 'bind'; readonly from: string; readonly path: string; readonly writable: boolean }
  | { readonly kind: 'tmpfs'; readonly path: string; readonly sizeBytes: number };

export interface RuntimeOptions {
  /** The root folder, as the runtime finds it. */
  readonly root: string;
  readonly rootWritable: boolean;
  readonly process: RuntimeProcess;
  readonly hostname: string;
  /** Kept capabilities, without `CAP_`; all others are dropped. */
  readonly capabilities: readonly string[];
  /** Whether a set-uid program may gain privileges (bakes of packages need it; instances never). */
  readonly mayGainPrivileges: boolean;
  /** `own`: a new namespace with nothing in it; `host`: the machine's; else the path of a namespace. */
  readonly network: 'own' | 'host' | { readonly path: string };
  readonly mounts: readonly RuntimeMount[];
  /** Null: none. */
  readonly limits: Limits | null;
  /** From the root of the hierarchy, `/kiln-<home id>.<name>`. */
  readonly cgroup: string;
  readonly cgroups: Cgroups;
}

const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];

const READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** In a network of its own any user may serve port 80: it is no one else's. */
const SYSCTL = { 'net.ipv4.ip_unprivileged_port_start': '0' };

/** What the kernel counts a whole CPU's time over. */
const CPU_PERIOD_US = 100_000;
/** cgroup v2 refuses less, v1 too. */
const MIN_QUOTA_US = 1000;
const SHM_BYTES = 64 << 20;
/** Always the same, whatever Kiln was started with. */
const UMASK = 0o022;

/** Pure; the same options give the same object. */
export function runtimeConfig(options: RuntimeOptions): object {
  return {
    ociVersion: '1.0.2',
    root: { path: options.root, readonly: !options.rootWritable },
    hostname: options.hostname,
    process: processPart(options),
    mounts: [...kernelMounts(options.cgroups), ...options.mounts.map(mountPart)],
    linux: {
      namespaces: namespaces(options),
      cgroupsPath: options.cgroup,
      resources: resources(options.limits, options.cgroups),
      seccomp: seccompProfile(options.capabilities),
      ...(options.network === 'host' ? {} : { sysctl: SYSCTL }),
      maskedPaths: MASKED,
      readonlyPaths: READONLY,
    },
  };
}

function processPart(options: RuntimeOptions): object {
  const { process } = options;
  const kept = options.capabilities.map((name) => `CAP_${name}`);
  // The ambient set, so that a program of a user other than root has what was kept for it.
  const ambient = process.uid === 0 ? [] : kept;
  return {
    terminal: false,
    user: { uid: process.uid, gid: process.gid, umask: UMASK, additionalGids: process.groups },
    args: process.args,
    env: Object.entries(process.env).map(([name, value]) => `${name}=${value}`),
    cwd: process.cwd,
    capabilities: { bounding: kept, effective: kept, permitted: kept, inheritable: ambient, ambient },
    noNewPrivileges: !options.mayGainPrivileges,
  };
}

function namespaces(options: RuntimeOptions): readonly object[] {
  const { network } = options;
  const always = ['pid', 'mount', 'ipc', 'uts', ...(options.cgroups.namespaces ? ['cgroup'] : [])].map((type) => ({ type }));
  if (network === 'host') return always;
  return [...always, network === 'own' ? { type: 'network' } : { type: 'network', path: network.path }];
}

function resources(limits: Limits | null, cgroups: Cgroups): object {
  const devices = [{ allow: false, access: 'rwm' }];
  if (limits === null) return { devices };
  return {
    devices,
    // `swap` is memory and swap together: the same figure means no swap.
    memory: { limit: limits.memoryBytes, ...(cgroups.swap ? { swap: limits.memoryBytes } : {}) },
    pids: { limit: limits.pids },
    ...(limits.cpus === null ? {} : { cpu: { period: CPU_PERIOD_US, quota: quotaUs(limits.cpus) } }),
  };
}

const quotaUs = (cpus: number): number => Math.max(MIN_QUOTA_US, Math.round(cpus * CPU_PERIOD_US));

const mount = (destination: string, type: string, options: readonly string[]): object => ({
  destination,
  type,
  source: type,
  options,
});

function kernelMounts(cgroups: Cgroups): readonly object[] {
  return [
    mount('/proc', 'proc', ['nosuid', 'noexec', 'nodev']),
    mount('/dev', 'tmpfs', ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    mount('/dev/mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
    mount('/dev/shm', 'tmpfs', ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${SHM_BYTES}`]),
    mount('/sys', 'sysfs', ['nosuid', 'noexec', 'nodev', 'ro']),
    // Without a namespace of its own an instance would see the machine's whole hierarchy.
    ...(cgroups.namespaces ? [mount('/sys/fs/cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'])] : []),
  ];
}

function mountPart(wanted: RuntimeMount): object {
  if (wanted.kind === 'tmpfs') {
    return mount(wanted.path, 'tmpfs', ['nosuid', 'nodev', 'mode=1777', `size=${wanted.sizeBytes}`]);
  }
  const options = ['rbind', 'rprivate', 'nosuid', 'nodev', wanted.writable ? 'rw' : 'ro'];
  return { destination: wanted.path, type: 'bind', source: wanted.from, options };
}
