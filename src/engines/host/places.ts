/** Where the host engine keeps what: all below home.run, which a reboot may lose, but volumes and logs. */
import { join } from 'node:path';

import type { InstanceId } from '../../domain/ids.ts';
import type { Home } from '../../platform/home.ts';

export interface Places {
  /** A folder for each instance: its record and its OCI bundle. */
  readonly instances: string;
  instance(id: InstanceId): string;
  /** Root folders, shared by the instances of a release. */
  readonly roots: string;
  /** The OCI runtime's state. */
  readonly runtime: string;
  /** A file for each instance that has ended, with its exit code. */
  readonly exits: string;
  /** conmon wants a folder for its sockets. */
  readonly sockets: string;
  /** The log file in use; rotated ones have `.1`, `.2` … appended. */
  log(id: InstanceId): string;
  /** The name of the instance's cgroup, below the root of the hierarchy. */
  cgroup(id: string): string;
  readonly cgroupPrefix: string;
}

export function placesOf(home: Home): Places {
  const instances = join(home.run, 'instances');
  // A dot, because the bake has groups of its own below `kiln-<id>`.
  const cgroupPrefix = `kiln-${home.id}.`;
  return {
    instances,
    instance: (id) => join(instances, id),
    roots: join(home.run, 'roots'),
    runtime: join(home.run, 'runc'),
    exits: join(home.run, 'exits'),
    sockets: join(home.run, 'sockets'),
    log: (id) => {
      const [service = '', environment = ''] = id.split('.');
      return join(home.logs, service, environment, `${id}.log`);
    },
    cgroup: (id) => `${cgroupPrefix}${id}`,
    cgroupPrefix,
  };
}
