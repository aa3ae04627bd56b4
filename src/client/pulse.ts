/**
 * Whether the daemon still lives while a call is silent. A daemon that was stopped (SIGSTOP, a frozen cgroup, a disk that does not
 * answer) keeps its socket: the kernel takes connections for it, and no call would ever end. How long honest work takes
 * nobody knows, so no call has a time-out of its own: the daemon is asked for its health beside it.
 */
import { readFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';

import { KilnError } from '../errors/error.ts';

/** Not imported, for the same reason as in wire.ts. */
const { request } = process.getBuiltinModule('node:http');

/** Where a daemon is found: its socket, and the file that it writes its process id to (src/platform/home.ts). */
export interface DaemonPlace {
  readonly socket: string;
  readonly pidFile: string;
}

export interface Patience {
  /** A call that is silent for so long has its daemon asked for its health. */
  readonly silenceMs: number;
  /** A daemon that does not answer that for so long hangs. */
  readonly answerMs: number;
}

export const PATIENCE: Patience = { silenceMs: 5_000, answerMs: 10_000 };

/** Calls back with DAEMON_UNREACHABLE where the daemon hangs. */
export function watchPulse(
  call: ClientRequest,
  place: DaemonPlace,
  patience: Patience,
  onHanging: (error: KilnError) => void,
): void {
  let asked: ClientRequest | null = null;
  // The request's own time-out fires once; its socket's, after every silence.
  call.once('socket', (socket) => {
    const listen = (): void => void socket.setTimeout(patience.silenceMs);
    socket.on('timeout', () => {
      asked = request({ socketPath: place.socket, path: '/v1/health', agent: false }, (response) => {
        response.resume();
        listen();
      });
      asked.setTimeout(patience.answerMs, () => onHanging(hanging(place, patience)));
      // A daemon that went away says so on the call itself.
      asked.on('error', listen);
      asked.end();
    });
    listen();
  });
  call.once('close', () => asked?.destroy());
}

function hanging(place: DaemonPlace, { silenceMs, answerMs }: Patience): KilnError {
  const pid = pidOf(place);
  const seconds = Math.ceil((silenceMs + answerMs) / 1000);
  return new KilnError(
    'DAEMON_UNREACHABLE',
    `the daemon${pid === null ? '' : ` (process ${pid})`} has not answered for ${seconds} s`,
    {
      hint:
        pid === null
          ? 'see whether its process hangs; its log is daemon.log in the home folder'
          : `\`ps -o stat,wchan ${pid}\` shows what it does: T is stopped, which \`kill -CONT ${pid}\` ends; else \`kill -9 ${pid}\` and \`kiln up\`. Instances go on serving meanwhile`,
    },
  );
}

/** The process that has the home; null where it has not said so. */
export function pidOf({ pidFile }: DaemonPlace): number | null {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}
