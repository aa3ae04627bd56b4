/** One instance as the running daemon knows it: its record, its process, its health. */
import { join } from 'node:path';

import { groupOf } from '../../domain/ids.ts';
import { outOfMemoryKills } from '../../linux/cgroups.ts';
import { runsInCgroup } from '../../linux/processes.ts';
import type { Address, InstanceHealth, InstanceObservation } from '../engine.ts';
import { watchHealth, type HealthWatch } from '../health.ts';
import { createProber } from '../probe.ts';
import { commandProbe } from './command-probe.ts';
import { isMonitor, monitorOf, readExitCode, readPid } from './conmon.ts';
import type { Host, Tracked } from './host.ts';
import { lastLogLine } from './log-files.ts';
import { unsaid } from './unsaid.ts';
import { readHealthySince, wasStarted, writeHealthySince, type ContainerRecord, type InstanceRecord } from './record.ts';

/** An instance whose process was started, by this daemon or an earlier one. */
export async function track(host: Host, record: InstanceRecord): Promise<Tracked> {
  const folder = host.places.instance(record.id);
  const pid = record.bootId === host.bootId && (await wasStarted(folder)) ? await readPid(folder) : null;
  if (pid === null) return ended(record, await cutOff(host, record));
  const monitor = await monitorOf(record.id, folder);
  let exited: InstanceHealth | null = null;
  const watch = startWatch(host, record, pid, await readHealthySince(folder));
  const check = async (): Promise<void> => {
    if (exited !== null) return;
    const why = await whyNotRunning(host, record, pid, monitor);
    if (why === null || exited !== null) return;
    watch.stop();
    exited = { status: 'exited', at: host.clock.now(), detail: why };
    host.changed(record.id);
  };
  await check();
  return { record, health: () => exited ?? watch.current(), check, stop: () => watch.stop() };
}

export function observationOf({ record, health }: Tracked): InstanceObservation {
  return {
    id: record.id,
    group: groupOf(record.id),
    release: record.release.hash,
    launchedAt: record.launchedAt,
    zone: null,
    address: addressIn(record),
    health: health(),
  };
}

export function addressIn({ ip, release }: InstanceRecord): Address | null {
  const { port } = release.content.routing;
  return port === null ? null : { host: ip, port };
}

function startWatch(host: Host, record: InstanceRecord, pid: number, healthySince: number | null): HealthWatch {
  const { health, replace } = record.release.content;
  const folder = host.places.instance(record.id);
  return watchHealth({
    health,
    warmUpMs: replace.warmUpMs,
    launchedAt: record.launchedAt,
    watchedFrom: host.clock.now(),
    healthySince,
    prober: createProber(health.probe, addressIn(record), commandProbe(host, record, pid)),
    time: host.clock,
    onChange: (now) => {
      writeHealthySince(folder, now.status === 'healthy' ? now.since : null).catch(() => {}); // Being removed.
      host.changed(record.id);
    },
  });
}

/** Null while all is well. The monitor's death is the instance's: its output has nowhere to go. */
async function whyNotRunning(host: Host, record: InstanceRecord, pid: number, monitor: number | null): Promise<string | null> {
  const running = runsInCgroup(pid, host.places.cgroup(record.id));
  const monitored = monitor !== null && isMonitor(monitor, record.id);
  if (running && monitored) return null;
  // Asked last: the monitor writes the code after the process has ended, and before it ends itself.
  const code = await readExitCode(host.places, record.id);
  if (code === null && monitored) return null;
  if (running && code === null) return 'its monitor (conmon) was killed';
  return withLastLine(host, record, await howItEnded(host, record, code));
}

const SIGKILLED = 137;

export async function howItEnded(host: Host, record: ContainerRecord, code: number | null): Promise<string> {
  if (code === null) return 'ended; its exit code is not known';
  if (code === SIGKILLED && (await outOfMemoryKills(host.places.cgroup(record.id))) > 0) return 'killed: out of memory';
  return code > 128 ? `killed by signal ${code - 128}` : `exited with code ${code}`;
}

async function withLastLine(host: Host, record: InstanceRecord, why: string): Promise<string> {
  const line = await lastLogLine(host.places.log(record.id));
  return line === null ? why : `${why}; its last line: ${await unsaid(host, record.release, line)}`;
}

async function cutOff(host: Host, record: InstanceRecord): Promise<string> {
  if (record.bootId !== host.bootId) return 'ended when the machine was started anew';
  return (await readPid(join(host.places.instances, record.id))) === null
    ? 'its launch was cut off'
    : 'its launch was cut off before its start';
}

/** Under an earlier daemon, or before the machine was started anew. */
function ended(record: InstanceRecord, detail: string): Tracked {
  const health: InstanceHealth = { status: 'exited', at: record.launchedAt, detail, blameless: true };
  return { record, health: () => health, check: async () => {}, stop: () => {} };
}
