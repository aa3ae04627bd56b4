/**
 * KILN_HOME: where everything of one Kiln lives. Two homes on one machine never touch each other's things: every kernel
 * object (bridge, namespace, cgroup) is named after its home's short id.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Home {
  readonly root: string;
  /** Six hexadecimal digits of the path's hash, for names in kernel-wide name spaces. */
  readonly id: string;
  /** The daemon's API. */
  readonly socket: string;
  /** The process id of the daemon that has the home. */
  readonly pidFile: string;
  /** Images: an OCI layout. */
  readonly images: string;
  /** Unpacked layers, EROFS, one file each. */
  readonly layers: string;
  /** The state database. */
  readonly database: string;
  /** Values of references, sealed. */
  readonly sealed: string;
  /** Groups' volumes, by service. */
  readonly volumes: string;
  /** Instances' logs, kept after the instances are gone. */
  readonly logs: string;
  /** Bundles, mounts, sockets, process ids: what a reboot may lose. */
  readonly run: string;
  /** The bake's cache and work folders. */
  readonly bake: string;
  /** The key that evidence is signed with, and public keys by which signers are known. */
  readonly keys: string;
}

/** Default: /var/lib/kiln for root, else ~/.kiln (PRODUCT, "The command surface"). */
export function kilnHome(env: NodeJS.ProcessEnv, uid: number): Home {
  const fallback = uid === 0 ? '/var/lib/kiln' : join(homedir(), '.kiln');
  const asked = env['KILN_HOME'] ?? '';
  const root = resolve(asked === '' ? fallback : asked);
  const under = (name: string): string => join(root, name);
  return {
    root,
    get id() {
      // Few commands name anything in the kernel, and loading node:crypto takes 6 ms.
      const { createHash } = process.getBuiltinModule('node:crypto');
      return createHash('sha256').update(root).digest('hex').slice(0, 6);
    },
    socket: under('kiln.sock'),
    pidFile: under('daemon.pid'),
    images: under('images'),
    layers: under('layers'),
    database: under('kiln.db'),
    sealed: under('sealed'),
    volumes: under('volumes'),
    logs: under('logs'),
    run: under('run'),
    bake: under('bake'),
    keys: under('keys'),
  };
}
