/** At the daemon's start: instances of an earlier daemon are adopted untouched; what has no record is taken away. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { isContainerId, isInstanceId, isJobId } from '../../domain/ids.ts';
import { messageOf } from '../../errors/error.ts';
import { cgroupsNamed } from '../../linux/cgroups.ts';
import { sweepVeths } from '../../linux/network.ts';
import { sweepSelfTests } from '../../linux/oci-self-test.ts';
import { argumentsOf } from '../../linux/processes.ts';
import { isMonitor, stopMonitor } from './conmon.ts';
import { dispose, removeCgroupSurely } from './dispose.ts';
import type { Host } from './host.ts';
import { adoptJob, findLostJobs } from './jobs.ts';
import { isInstanceRecord, isJobRecord, readRecords } from './record.ts';
import { track } from './tracked.ts';

/** Idempotent. What can't be taken away is reported and left for the next start. */
export async function reclaim(host: Host): Promise<void> {
  for (const record of await readRecords(host.places.instances)) {
    host.indices.adopt(record.index);
    host.roots.adopt(record.root, record.id);
    if (isInstanceRecord(record)) host.instances.set(record.id, await track(host, record));
    else if (isJobRecord(record)) await adoptJob(host, record);
  }
  await findLostJobs(host);
  for (const step of [
    mendBridge,
    disposeUnrecorded,
    killMonitors,
    removeCgroups,
    removeVeths,
    removeTests,
    () => host.roots.sweep(),
  ]) {
    await step(host).catch((error: unknown) => host.report(`reclaiming what an earlier daemon left: ${messageOf(error)}`));
  }
}

/** The firewall's rules may be gone, by another's hand: what runs should be as closed as what will. */
async function mendBridge(host: Host): Promise<void> {
  if (host.instances.size + host.jobs.size > 0) await host.bridge();
}

/** Folders, containers (probes among them) and ended instances that nobody wrote down. */
async function disposeUnrecorded(host: Host): Promise<void> {
  const { instances, runtime, exits, sockets } = host.places;
  const lists = await Promise.all([instances, runtime, exits, sockets].map((folder) => readdir(folder).catch(() => [])));
  for (const name of new Set(lists.flat())) {
    if (isContainerId(name) && !isKnown(host, name)) await dispose(host, name, null);
    else if (isProbe(name)) await (await host.runtime()).remove(name);
  }
}

const isProbe = (name: string): boolean => /\.probe-[0-9a-f]{6}$/.test(name);

async function killMonitors(host: Host): Promise<void> {
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (Number.isNaN(pid)) continue;
    const id = monitoredBy(host, pid);
    if (id !== null && !isKnown(host, id)) stopMonitor(pid);
  }
}

/** The instance of this home that the process is a monitor of; its folder is on the command line. */
function monitoredBy(host: Host, pid: number): string | null {
  const bundle = argumentsOf(pid).find((argument) => argument.startsWith(join(host.places.instances, '/')));
  const id = bundle?.slice(host.places.instances.length + 1) ?? '';
  return id !== '' && isMonitor(pid, id) ? id : null;
}

async function removeCgroups(host: Host): Promise<void> {
  const { cgroupPrefix } = host.places;
  for (const name of await cgroupsNamed(cgroupPrefix)) {
    if (!isKnown(host, name.slice(cgroupPrefix.length))) await removeCgroupSurely(host, name);
  }
}

const removeTests = (host: Host): Promise<void> => sweepSelfTests(host.home);

const removeVeths = (host: Host): Promise<void> => sweepVeths(host.home.id, host.indices.inUse());

const isKnown = ({ instances, jobs }: Host, id: string): boolean =>
  (isInstanceId(id) && instances.has(id)) || (isJobId(id) && jobs.has(id));
