/** Where the load balancer's things lie: what must survive a reboot under `traffic/`, sockets and the process's record under `run/`. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

import type { Home } from '../platform/home.ts';

export interface TrafficPaths {
  /** Everything that routing is rebuilt from: the tables and their slots. */
  readonly state: string;
  readonly config: string;
  /** One map file for each door, named after it. */
  readonly maps: string;
  /** What HAProxy runs to copy requests. */
  readonly script: string;
  readonly metrics: string;
  readonly run: string;
  /** HAProxy's master: its CLI reaches every worker, old ones too. */
  readonly master: string;
  /** Hands the listening sockets from one worker to the next. */
  readonly stats: string;
  /** Which process runs, with which structure. */
  readonly process: string;
  readonly log: string;
  /** Empty but for relay sockets: the workers' whole file system. */
  readonly jail: string;
}

export function trafficPaths(home: Home): TrafficPaths {
  const kept = join(home.root, 'traffic');
  const run = join(home.run, 'lb');
  return {
    state: join(kept, 'state.json'),
    config: join(kept, 'haproxy.cfg'),
    maps: join(kept, 'maps'),
    script: join(kept, 'mirror.lua'),
    metrics: join(kept, 'metrics.json'),
    run,
    master: join(run, 'master.sock'),
    stats: join(run, 'stats.sock'),
    process: join(run, 'process.json'),
    log: join(run, 'haproxy.log'),
    jail: join(run, 'jail'),
  };
}

export const mapPath = (paths: TrafficPaths, door: string): string => join(paths.maps, `${door}.map`);

/** Short, because a socket's path is; the door's name need not be read back from it. */
export const relayName = (door: string): string => createHash('sha256').update(door).digest('hex').slice(0, 8);

/** Of the 107 bytes of a Unix socket's path HAProxy needs some for the temporary name it binds first. */
const SOCKET_PATH_BYTES = 90;

export const pathsTooLong = (paths: TrafficPaths): boolean =>
  Buffer.byteLength(join(paths.jail, relayName(''))) > SOCKET_PATH_BYTES;
