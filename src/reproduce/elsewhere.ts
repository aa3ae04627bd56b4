/** Another place to bake in: what is different there, and how a process gets into it. */
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';

import { findProgram } from '../linux/programs.ts';
import { exec } from '../platform/exec.ts';
import { isThere } from '../platform/files.ts';
import type { Places } from './causes.ts';
import type { Variation } from './contract.ts';

/** Over a year, a leap day and a change of daylight saving time away, at another hour. */
const SHIFT_DAYS = 401;
const SHIFT_SECONDS = SHIFT_DAYS * 86_400 + 7 * 3600;
const UMASK = 0o077;
const HOST = 'elsewhere';
const LIBRARIES = ['libc.so.6', 'libm.so.6'];

/** Namespaces of its own, which end with this process. */
const APART = '--pdeathsig KILL -- unshare --mount --uts --pid --fork --kill-child --mount-proc --'.split(' ');

export interface FakeClock {
  readonly library: string;
  readonly setting: string;
  /** What the library itself is linked with: a root without it could start no program. */
  readonly needs: readonly string[];
}

export interface Elsewhere {
  readonly variations: readonly Variation[];
  readonly places: Pick<Places, 'hosts' | 'processors'>;
  /** What the process is started under, before its own program. */
  readonly wrapper: readonly [string, ...string[]];
  readonly umask: number;
  /** libfaketime, and what it is told; null where it is not installed. */
  readonly clock: FakeClock | null;
}

/** `byKiln`: whether Kiln runs the commands, or a Dockerfile's builder, which no clock can be given. */
export async function findElsewhere(byKiln: boolean): Promise<Elsewhere> {
  const processors = await allowedProcessors();
  const library = byKiln ? await fakeClock() : null;
  const one = processors.length > 1 && (await findProgram('taskset')) !== null ? (processors[0] ?? null) : null;
  const pinned = one === null ? [] : ['taskset', '--cpu-list', String(one)];
  const named = ['sh', '-c', `hostname ${HOST} && exec "$@"`, 'kiln'];
  return {
    variations: [
      library === null
        ? vary(
            'clock',
            false,
            byKiln
              ? 'later only by the time between the bakes; faketime, if installed, sets another day'
              : 'later only by the time between the bakes: a Dockerfile is built by today',
          )
        : vary('clock', true, `${SHIFT_DAYS} days later in \`packages:\` and \`run:\`, for programs that use Debian's C library`),
      vary('path', true, 'another folder, for the recipe and for all that the bake works in'),
      vary('umask', true, UMASK.toString(8).padStart(3, '0')),
      vary('file order', true, 'as the disk has it instead of sorted'),
      one === null
        ? vary('processors', false, `${processors.length}: there are no others`)
        : vary('processors', true, `1 instead of ${processors.length}`),
      vary('host name', true, `"${HOST}"; inside \`packages:\` and \`run:\` it is always "bake"`),
    ],
    places: { hosts: [hostname(), HOST], processors: [processors.length, one === null ? processors.length : 1] },
    wrapper: ['setpriv', ...APART, ...named, ...pinned],
    umask: UMASK,
    clock:
      library === null
        ? null
        : { library, setting: `+${SHIFT_SECONDS}\n`, needs: LIBRARIES.map((name) => join(dirname(dirname(library)), name)) },
  };
}

const vary = (what: Variation['what'], varied: boolean, how: string): Variation => ({ what, varied, how });

/** Those that this process may run on: `0-3,6`, as taskset(1) says. */
async function allowedProcessors(): Promise<readonly number[]> {
  const said = await exec('taskset', ['--cpu-list', '--pid', String(process.pid)]).catch(() => null);
  const list = /:\s*([0-9,-]+)\s*$/.exec(said?.code === 0 ? said.stdout : '')?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: Math.min(to - from + 1, 4096) }, (_, index) => from + index);
  });
}

/** Where Debian puts it; the one for programs with threads. */
async function fakeClock(): Promise<string | null> {
  const triplet = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch as string];
  if (triplet === undefined) return null;
  const path = join('/usr/lib', triplet, 'faketime/libfaketimeMT.so.1');
  return (await isThere(path)) ? path : null;
}
