/** Health checks by a command: a short-lived container of the instance's own root, in the instance's network. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecResult } from '../../platform/exec.ts';
import type { CommandProbe } from '../probe.ts';
import type { Host } from './host.ts';
import type { InstanceRecord } from './record.ts';
import { unsaid } from './unsaid.ts';

/** Enough for a client and what it starts. */
const PROBE_PIDS = 64;

/** The parts of a configuration that a probe changes. */
interface Config {
  readonly process: object;
  readonly mounts: readonly { readonly options: readonly string[]; readonly type: string }[];
  readonly linux: { readonly namespaces: readonly { readonly type: string }[]; readonly resources: object };
}

export function commandProbe(host: Host, record: InstanceRecord, pid: number): CommandProbe {
  return async (command, signal) => {
    const result = await runBeside(host, record, pid, command, signal);
    if (result.code === 0) return null;
    const said = (result.stderr.trim() || result.stdout.trim()).split('\n').at(-1) ?? '';
    const words = said === '' ? '' : `: ${await unsaid(host, record.release, said)}`;
    return `${command.join(' ')} ended with code ${result.code}${words}`;
  };
}

/** It sees the volumes, but can't write to them; it shares no processes with the instance. */
export async function runBeside(
  host: Host,
  record: InstanceRecord,
  pid: number,
  command: readonly string[],
  signal: AbortSignal,
): Promise<ExecResult> {
  const id = `${record.id}.probe-${randomBytes(3).toString('hex')}`;
  const bundle = join(host.places.instance(record.id), id);
  const runtime = await host.runtime();
  try {
    await mkdir(bundle);
    const config = JSON.parse(await readFile(join(host.places.instance(record.id), 'config.json'), 'utf8')) as Config;
    await writeFile(join(bundle, 'config.json'), JSON.stringify(probeConfig(config, command, host.places.cgroup(id), pid)), {
      mode: 0o600,
    });
    return await runtime.runToEnd(id, bundle, signal);
  } finally {
    // The runtime takes its container away by itself, unless it was killed for taking too long.
    if (signal.aborted) await runtime.remove(id);
    await rm(bundle, { recursive: true, force: true });
  }
}

function probeConfig(config: Config, command: readonly string[], cgroup: string, pid: number): object {
  const others = config.linux.namespaces.filter(({ type }) => type !== 'network');
  return {
    ...config,
    process: { ...config.process, args: command },
    mounts: config.mounts.map((mount) =>
      mount.type === 'bind' ? { ...mount, options: mount.options.map((option) => (option === 'rw' ? 'ro' : option)) } : mount,
    ),
    linux: {
      ...config.linux,
      cgroupsPath: `/${cgroup}`,
      namespaces: [...others, { type: 'network', path: `/proc/${pid}/ns/net` }],
      resources: { ...config.linux.resources, pids: { limit: PROBE_PIDS } },
    },
  };
}
