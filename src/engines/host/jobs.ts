/**
 * Jobs: containers as instances are, each begun once and never again. That it is about to be begun is marked on disk first,
 * where a reboot leaves it. So one without a mark was never begun; of one that has a mark the OCI runtime knows whether it
 * was, and its monitor keeps how it ended. Where neither is left to ask, it is lost.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';

import type { Digest } from '../../domain/digest.ts';
import { isJobId, type JobId } from '../../domain/ids.ts';
import type { Release } from '../../domain/release.ts';
import { messageOf } from '../../errors/error.ts';
import { argumentsOf, runsInCgroup, sendSignal } from '../../linux/processes.ts';
import { isThere, writeFileAtomic } from '../../platform/files.ts';
import { poll } from '../../platform/poll.ts';
import type { Job, JobObservation } from '../engine.ts';
import { isMonitor, monitorOf, readExitCode, readPid } from './conmon.ts';
import { dispose, stopGracefully } from './dispose.ts';
import type { Host, TrackedJob } from './host.ts';
import { prepare } from './launch.ts';
import { lastLogLines } from './log-files.ts';
import { dropOldLogs } from './logs.ts';
import type { JobRecord } from './record.ts';
import { howItEnded } from './tracked.ts';
import { unsaid } from './unsaid.ts';

/** Beginning a container takes some milliseconds; one that another daemon began just now is never said to have been begun. */
const BEGIN_MS = 10_000;
/** Of a failed job's output, for people. */
const SHOWN_LINES = 3;

/** Returns when its process was begun. Throws LAUNCH_FAILED where it never was, and nothing of it is left. */
export async function startJob(host: Host, { id, release, command }: Job, signal: AbortSignal): Promise<void> {
  if (!host.jobs.has(id)) {
    await prepare(host, id, commanded(release, command), signal, async (record) => {
      host.jobs.set(id, await trackJob(host, record, 'made'));
    });
  }
  const job = host.jobs.get(id);
  if (job?.record != null && job.seen().status === 'made') await begin(host, job, job.record);
}

const commanded = (release: Release, command: readonly string[]): Release => ({
  ...release,
  content: { ...release.content, launch: { ...release.content.launch, command } },
});

async function begin(host: Host, job: TrackedJob, record: JobRecord): Promise<void> {
  await mkdir(host.places.marks, { recursive: true, mode: 0o700 });
  await writeFileAtomic(host.places.mark(record.id), record.release.hash);
  const runtime = await host.runtime();
  try {
    await runtime.start(record.id, AbortSignal.timeout(BEGIN_MS));
  } catch (error) {
    // An earlier daemon's own start may have been on its way.
    if ((await runtime.state(record.id)) === 'created') throw error;
  }
  job.begun();
  await job.check();
  host.changed(record.id);
}

/** As an earlier daemon left it. */
export async function adoptJob(host: Host, record: JobRecord): Promise<void> {
  const { id } = record;
  if (!(await isThere(host.places.mark(id)))) {
    await endMakers(host, id);
    return dispose(host, id, record);
  }
  if (record.bootId !== host.bootId) {
    await dispose(host, id, record);
    host.jobs.set(id, lostJob(id, record.release.hash));
    return;
  }
  const isMade = (await (await host.runtime()).state(id)) === 'created';
  host.jobs.set(id, await trackJob(host, record, isMade ? 'made' : 'running'));
}

/** What an earlier daemon had make its container, and is still at it, would be in the way of the next. */
async function endMakers({ places, clock }: Host, id: JobId): Promise<void> {
  const makers = async (): Promise<readonly number[]> =>
    (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && argumentsOf(pid).includes(places.instance(id)));
  for (const pid of await makers()) sendSignal(pid, 'SIGKILL');
  await poll(async () => (await makers()).length === 0, { withinMs: BEGIN_MS, everyMs: 10, clock });
}

/** Of these there is nothing left but the mark. */
export async function findLostJobs(host: Host): Promise<void> {
  const names: readonly string[] = await readdir(host.places.marks).catch(() => []);
  for (const id of names.filter(isJobId)) {
    if (!host.jobs.has(id)) host.jobs.set(id, lostJob(id, (await readFile(host.places.mark(id), 'utf8')) as Digest));
  }
}

/** The mark goes last: until then it says that the id was used. */
export async function removeJob(host: Host, id: JobId): Promise<void> {
  const job = host.jobs.get(id);
  if (job?.record != null) await stopGracefully(host, job.record);
  if (job !== undefined) await dispose(host, id, job.record);
  await rm(host.places.mark(id), { force: true });
  host.jobs.delete(id);
  await dropOldLogs(host.home, id);
  host.changed(id);
}

const lostJob = (id: JobId, release: Digest): TrackedJob => ({
  record: null,
  seen: () => ({ id, release, status: 'lost', detail: 'the machine was started anew while it ran' }),
  begun: () => {},
  check: async () => {},
});

async function trackJob(host: Host, record: JobRecord, first: 'made' | 'running'): Promise<TrackedJob> {
  const { id } = record;
  const folder = host.places.instance(id);
  const monitor = await monitorOf(id, folder);
  const own = { id, release: record.release.hash };
  let seen: JobObservation = { ...own, status: first, detail: '' };
  const check = async (): Promise<void> => {
    if (seen.status !== 'running') return;
    const end = await endOf(host, record, monitor);
    if (end === null || seen.status !== 'running') return;
    seen = { ...own, ...end };
    host.changed(id);
  };
  await check();
  return {
    record,
    seen: () => seen,
    begun: () => {
      if (seen.status === 'made') seen = { ...own, status: 'running', detail: '' };
    },
    check,
  };
}

/** Null while it runs. What its dead monitor could not write down is lost. */
async function endOf(
  host: Host,
  record: JobRecord,
  monitor: number | null,
): Promise<Pick<JobObservation, 'status' | 'detail'> | null> {
  const { id } = record;
  const pid = await readPid(host.places.instance(id));
  if (pid !== null && runsInCgroup(pid, host.places.cgroup(id))) return null;
  const monitored = monitor !== null && isMonitor(monitor, id);
  // Asked last: the monitor writes the code after the process has ended, and before it ends itself.
  const code = await readExitCode(host.places, id);
  if (code === null) return monitored ? null : { status: 'lost', detail: 'its monitor (conmon) was killed' };
  if (code === 0) return { status: 'passed', detail: 'exited with code 0' };
  const lines = await lastLogLines(host.places.log(id), SHOWN_LINES).catch((error: unknown) => [messageOf(error)]);
  const said = lines.length === 0 ? '' : `; its last lines: ${await unsaid(host, record.release, lines.join(' / '))}`;
  return { status: 'failed', detail: `${await howItEnded(host, record, code)}${said}` };
}
