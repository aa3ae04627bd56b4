/** Instances' logs, as people ask for them: during an instance's life, and as long after it as its files are kept. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { environmentOf, fleetOf, groupOf, isContainerId, serviceOf, type FleetId, type ContainerId } from '../../domain/ids.ts';
import { isThere } from '../../platform/files.ts';
import type { Home } from '../../platform/home.ts';
import { filesOf } from './log-files.ts';
import { followLog, readOn, type LogPosition } from './log-follow.ts';
import type { LogLine } from './log-lines.ts';
import { placesOf } from './places.ts';

export interface LogQuery {
  readonly follow: boolean;
  /** The last this many, before any that follow. */
  readonly lines: number;
  readonly signal: AbortSignal;
}

export interface InstanceLogs {
  /** Instances that logs are kept of, gone ones included. */
  instances(fleet: FleetId): Promise<readonly ContainerId[]>;
  /** Unknown instances have no lines. Following ends when the instance is gone. */
  read(id: ContainerId, query: LogQuery): AsyncIterable<LogLine>;
}

const LOG = '.log';

/** Needs no running runtime: the files are all there is. */
export function instanceLogs(home: Home): InstanceLogs {
  const places = placesOf(home);
  return {
    instances: (fleet) => loggedInstances(home, fleet),
    async *read(id, query) {
      const path = places.log(id);
      const last = await lastLines(path, query.lines);
      yield* last.lines;
      if (!query.follow) return;
      await mkdir(dirname(path), { recursive: true });
      const isOver = (): Promise<boolean> => isGone(places.instance(id));
      for await (const batch of followLog(path, { from: last.position, isOver, signal: query.signal })) yield* batch.lines;
    },
  };
}

async function loggedInstances(home: Home, fleet: FleetId): Promise<readonly ContainerId[]> {
  const names = await readdir(folderOf(home, fleet)).catch(() => []);
  return names
    .map((name) => name.slice(0, -LOG.length))
    .filter((name, at) => isContainerId(name) && names[at]?.endsWith(LOG)) as ContainerId[];
}

const folderOf = (home: Home, fleet: FleetId): string => join(home.logs, serviceOf(fleet), environmentOf(fleet));

async function lastLines(path: string, count: number): Promise<{ lines: readonly LogLine[]; position: LogPosition | null }> {
  let lines: LogLine[] = [];
  let position: LogPosition | null = null;
  for await (const batch of readOn(path, null)) {
    lines.push(...batch.lines);
    // Now and then only: cutting for each batch would copy the tail over and over.
    if (lines.length > 2 * count + 1000) lines = lines.slice(-count);
    ({ position } = batch);
  }
  return { lines: count <= 0 ? [] : lines.slice(-count), position };
}

/** Of each fleet the logs of this many gone instances are kept. */
const KEPT_GONE = 100;

/** Deletes the logs of instances that are long gone. */
export async function dropOldLogs(home: Home, id: ContainerId): Promise<void> {
  const places = placesOf(home);
  const fleet = fleetOf(groupOf(id));
  const gone: { path: string; at: number }[] = [];
  for (const other of await loggedInstances(home, fleet)) {
    const path = places.log(other);
    if (await isGone(places.instance(other))) gone.push({ path, at: (await stat(path)).mtimeMs });
  }
  const old = gone.toSorted((a, b) => b.at - a.at).slice(KEPT_GONE);
  for (const { path } of old) for (const file of await filesOf(path)) await rm(file, { force: true });
}

export const isGone = async (folder: string): Promise<boolean> => !(await isThere(folder));
