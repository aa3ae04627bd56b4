/** Taking away all that an instance is made of, in whatever state it is. Every step is idempotent; the record goes last. */
import { rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';

import { isInstanceId, isJobId, type ContainerId } from '../../domain/ids.ts';
import { removeCgroup } from '../../linux/cgroups.ts';
import { disconnect } from '../../linux/network.ts';
import { runsInCgroup, sendSignal } from '../../linux/processes.ts';
import { poll } from '../../platform/poll.ts';
import { monitorOf, readPid, stopMonitor } from './conmon.ts';
import type { Host } from './host.ts';
import { deleteRecord, type ContainerRecord } from './record.ts';

const POLL_MS = 10;
/** What the kernel needs to end killed processes, many times over. */
const GONE_WITHIN_MS = 10_000;

/** Asks the instance to stop and waits for it, at most its grace. Does not kill. */
export async function stopGracefully(host: Host, record: ContainerRecord): Promise<void> {
  const pid = await readPid(host.places.instance(record.id));
  const cgroup = host.places.cgroup(record.id);
  if (pid === null || !runsInCgroup(pid, cgroup)) return;
  const { stopSignal, stopGraceMs } = record.release.content.launch;
  sendSignal(pid, signalNumber(stopSignal));
  await poll(() => !runsInCgroup(pid, cgroup), { withinMs: stopGraceMs, everyMs: POLL_MS, clock: host.clock });
}

/** `record`: null where there is none, for what was found by its name alone. */
export async function dispose(host: Host, id: ContainerId, record: ContainerRecord | null): Promise<void> {
  const { places } = host;
  if (isInstanceId(id)) host.instances.get(id)?.stop();
  await (await host.runtime()).remove(id);
  const monitor = await monitorOf(id, places.instance(id));
  if (monitor !== null) stopMonitor(monitor);
  if (record !== null) await disconnect(await host.bridge(), record.index);
  await removeCgroupSurely(host, places.cgroup(id));
  if (record !== null) await host.roots.letGo(record.root, id);
  await rm(join(places.exits, id), { force: true });
  await rm(join(places.sockets, id), { force: true });
  await deleteRecord(places.instance(id));
  if (isInstanceId(id)) host.instances.delete(id);
  if (isJobId(id)) host.jobs.delete(id);
  if (record !== null) host.indices.giveBack(record.index);
}

export async function removeCgroupSurely(host: Host, name: string): Promise<void> {
  const gone = await poll(() => removeCgroup(name), { withinMs: GONE_WITHIN_MS, everyMs: POLL_MS, clock: host.clock });
  if (!gone) throw new Error(`the cgroup ${name} can't be removed`);
}

const FIRST_REALTIME = 34;
const LAST_REALTIME = 64;

/** `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`: as images name them. What is none of them stops by SIGTERM. */
export function signalNumber(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realtime = /^RT(MIN|MAX)(?:[+-](\d{1,2}))?$/.exec(name);
  if (realtime !== null) {
    const offset = Number(realtime[2] ?? 0);
    return realtime[1] === 'MIN' ? FIRST_REALTIME + offset : LAST_REALTIME - offset;
  }
  const known: Readonly<Record<string, number>> = constants.signals;
  const number = /^\d{1,2}$/.test(name) ? Number(name) : known[`SIG${name}`];
  return number !== undefined && number >= 1 && number <= LAST_REALTIME ? number : constants.signals.SIGTERM;
}
