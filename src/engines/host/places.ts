/** Where the host engine keeps what: all below home.run, which a reboot may lose, but volumes, logs and the marks of jobs. */
import { join } from 'node:path';

import type { ContainerId, JobId } from '../../domain/ids.ts';
import type { Home } from '../../platform/home.ts';

export interface Places {
  /** A folder for each instance: its record and its OCI bundle. */
  readonly instances: string;
  instance(id: ContainerId): string;
  /** Root folders, shared by the instances of a release. */
  readonly roots: string;
  /** The OCI runtime's state. */
  readonly runtime: string;
  /** On disk, a file for each job that was begun and not removed. */
  readonly marks: string;
  mark(id: JobId): string;
  /** A file for each instance that has ended, with its exit code. */
  readonly exits: string;
  /** conmon wants a folder for its sockets. */
  readonly sockets: string;
  /** The log file in use; rotated ones have `.1`, `.2` … appended. */
  log(id: ContainerId): string;
  /** The name of the instance's cgroup, below the root of the hierarchy. */
  cgroup(id: string): string;
  readonly cgroupPrefix: string;
}

export function placesOf(home: Home): Places {
  const instances = join(home.run, 'instances');
  const marks = join(home.root, 'jobs');
  // A dot, because the bake has groups of its own below `kiln-<id>`.
  const cgroupPrefix = `kiln-${home.id}.`;
  return {
    instances,
    instance: (id) => join(instances, id),
    roots: join(home.run, 'roots'),
    marks,
    mark: (id) => join(marks, id),
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
