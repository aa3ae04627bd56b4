/**
 * What is written down of an instance before anything of it exists, so that a crash at any point leaves something that can
 * be seen and cleaned. It lies in the instance's folder and goes last.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { isContainerId, isInstanceId, isJobId, type ContainerId, type InstanceId, type JobId } from '../../domain/ids.ts';
import type { Release } from '../../domain/release.ts';
import { readIfThere } from '../../platform/files.ts';

export interface ContainerRecord {
  readonly id: ContainerId;
  /** Of a job: with the job's command in the place of the release's. */
  readonly release: Release;
  readonly launchedAt: number;
  /** Which boot of the machine it belongs to: nothing survives the next one. */
  readonly bootId: string;
  /** Its place in the subnet. */
  readonly index: number;
  readonly ip: string;
  /** The key of its root folder. */
  readonly root: string;
}

export interface InstanceRecord extends ContainerRecord {
  readonly id: InstanceId;
}

export interface JobRecord extends ContainerRecord {
  readonly id: JobId;
}

const RECORD = 'instance.json';
/** There once the process was started; without it the launch was cut off. */
const STARTED = 'started';
const HEALTHY = 'healthy-since';

export const isInstanceRecord = (record: ContainerRecord): record is InstanceRecord => isInstanceId(record.id);
export const isJobRecord = (record: ContainerRecord): record is JobRecord => isJobId(record.id);

/** Not synced to disk: after a power failure nothing of the instance is left either. */
export async function writeRecord(folder: string, record: ContainerRecord): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, `.${RECORD}`), JSON.stringify(record), { mode: 0o600 });
  await rename(join(folder, `.${RECORD}`), join(folder, RECORD));
}

/** Every record that can be read; a folder without one holds nothing yet that could run. */
export async function readRecords(instances: string): Promise<readonly ContainerRecord[]> {
  const ids = (await readdir(instances).catch(() => [])).filter(isContainerId);
  const records = await Promise.all(ids.map((id) => readRecord(join(instances, id))));
  return records.filter((record) => record !== null);
}

async function readRecord(folder: string): Promise<ContainerRecord | null> {
  const text = await readIfThere(join(folder, RECORD));
  try {
    return text === null ? null : (JSON.parse(text) as ContainerRecord);
  } catch {
    return null; // Torn by a power failure.
  }
}

/** The rest of the folder first, the record last. Absent is success. */
export async function deleteRecord(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (name !== RECORD) await rm(join(folder, name), { recursive: true, force: true });
  }
  await rm(folder, { recursive: true, force: true });
}

export const markStarted = (folder: string): Promise<void> => writeFile(join(folder, STARTED), '');
export const wasStarted = async (folder: string): Promise<boolean> => (await readIfThere(join(folder, STARTED))) !== null;

/** Null: not healthy now. Kept, so that a new daemon doesn't take a healthy instance out of traffic. */
export async function writeHealthySince(folder: string, since: number | null): Promise<void> {
  if (since === null) await rm(join(folder, HEALTHY), { force: true });
  else await writeFile(join(folder, HEALTHY), String(since));
}

export async function readHealthySince(folder: string): Promise<number | null> {
  const text = await readIfThere(join(folder, HEALTHY));
  return text === null || text === '' ? null : Number(text);
}

export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
