import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runtimeConfig, type RuntimeOptions } from './runtime-config.ts';

const OPTIONS: RuntimeOptions = {
  root: '/root',
  rootWritable: false,
  process: { args: ['/app'], env: { A: '1' }, cwd: '/', uid: 1000, gid: 1000, groups: [50] },
  hostname: 'h',
  capabilities: [],
  mayGainPrivileges: false,
  network: 'own',
  mounts: [],
  limits: { memoryBytes: 1 << 20, cpus: 0.25, pids: 10 },
  cgroup: '/kiln-a.b',
  cgroups: { version: 'v1', swap: true, namespaces: true },
};

interface Config {
  readonly process: { readonly capabilities: Readonly<Record<string, readonly string[]>>; readonly noNewPrivileges: boolean };
  readonly mounts: readonly { readonly destination: string; readonly options: readonly string[] }[];
  readonly linux: {
    readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
    readonly resources: { readonly memory?: object; readonly cpu?: object; readonly pids?: object };
    readonly seccomp: { readonly syscalls: readonly { readonly names: readonly string[]; readonly action: string }[] };
  };
}

const configOf = (parts: Partial<RuntimeOptions>): Config => runtimeConfig({ ...OPTIONS, ...parts }) as unknown as Config;
const allowed = (config: Config): readonly string[] =>
  config.linux.seccomp.syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW').flatMap(({ names }) => names);

test('nothing is kept that was not named', () => {
  const { process } = configOf({});
  assert.ok(Object.values(process.capabilities).every((set) => set.length === 0));
  assert.equal(process.noNewPrivileges, true);
});

test('a kept capability reaches a user other than root by the ambient set', () => {
  const { capabilities } = configOf({ capabilities: ['NET_RAW'] }).process;
  for (const set of ['bounding', 'effective', 'permitted', 'ambient']) assert.deepEqual(capabilities[set], ['CAP_NET_RAW']);
});

test('memory has no swap beside it, where the kernel can count swap', () => {
  assert.deepEqual(configOf({}).linux.resources.memory, { limit: 1 << 20, swap: 1 << 20 });
  const cgroups = { ...OPTIONS.cgroups, swap: false };
  assert.deepEqual(configOf({ cgroups }).linux.resources.memory, { limit: 1 << 20 });
});

test('a quarter of a CPU is a quarter of each period', () => {
  assert.deepEqual(configOf({}).linux.resources.cpu, { period: 100_000, quota: 25_000 });
  const limits = { memoryBytes: 1, cpus: null, pids: 1 };
  assert.equal(configOf({ limits }).linux.resources.cpu, undefined);
});

test("the machine's network is entered only on request", () => {
  const network = (parts: Partial<RuntimeOptions>): object | undefined =>
    configOf(parts).linux.namespaces.find(({ type }) => type === 'network');
  assert.deepEqual(network({}), { type: 'network' });
  assert.deepEqual(network({ network: { path: '/proc/1/ns/net' } }), { type: 'network', path: '/proc/1/ns/net' });
  assert.equal(network({ network: 'host' }), undefined);
});

test('without cgroup namespaces, the hierarchy of the machine is not shown', () => {
  const shown = (namespaces: boolean): boolean =>
    configOf({ cgroups: { ...OPTIONS.cgroups, namespaces } }).mounts.some(({ destination }) => destination === '/sys/fs/cgroup');
  assert.equal(shown(true), true);
  assert.equal(shown(false), false);
});

test('calls that change the machine are refused, and opened only by their capability', () => {
  const refused = [
    'mount',
    'umount2',
    'init_module',
    'kexec_load',
    'bpf',
    'unshare',
    'setns',
    'keyctl',
    'io_uring_setup',
    'clone3',
  ];
  const calls = allowed(configOf({}));
  for (const name of refused) assert.ok(!calls.includes(name), name);
  for (const name of ['read', 'execve', 'futex', 'openat2', 'clone', 'socket']) assert.ok(calls.includes(name), name);
  assert.ok(allowed(configOf({ capabilities: ['SYS_ADMIN'] })).includes('mount'));
});

test('no call is listed twice in one rule', () => {
  for (const { names } of configOf({ capabilities: ['SYS_PTRACE', 'SYS_ADMIN'] }).linux.seccomp.syscalls) {
    assert.equal(new Set(names).size, names.length);
  }
});

test('every mount that is not the root is without set-uid and devices of its own', () => {
  const mounts = [
    { kind: 'bind', from: '/a', path: '/b', writable: true },
    { kind: 'tmpfs', path: '/t', sizeBytes: 4096 },
  ] as const;
  for (const { destination, options } of configOf({ mounts }).mounts) assert.ok(options.includes('nosuid'), destination);
});
