import { KilnError } from '../../errors/error.ts';
import { isAlive } from '../../platform/alive.ts';
import { poll } from '../../platform/poll.ts';
import type { Run } from '../command.ts';

const POLL_MS = 20;
const PATIENCE_MS = 60_000;

export const run: Run = async (args, context) => {
  const keep = args.flag('keep');
  const client = await context.connect({ start: false }).catch((error: unknown) => {
    // Already down is what was asked for; instances that a lost daemon left need one to retire them.
    if (error instanceof KilnError && error.code === 'DAEMON_UNREACHABLE') return null;
    throw error;
  });
  if (client === null) {
    return {
      document: { stopped: false, fleets: [] },
      lines: ['No daemon runs.', '  If instances still run, `kiln up` and then `kiln down` stops them.'],
    };
  }
  const { pid } = await client.health();
  const { stopped } = await client.shutdown({ stop: !keep, by: context.by });
  await ended(pid, context.signal);
  return {
    document: { stopped: true, fleets: stopped },
    lines: keep
      ? ['The daemon is stopped; instances go on serving. `kiln up` takes them up again.']
      : ['All instances and the daemon are stopped. Images, releases, volumes and history stay.', '  next: kiln up'],
  };
};

/** The daemon answers before it has taken down mounts and load balancer; who is told that it is down may rely on that. */
async function ended(pid: number, signal: AbortSignal): Promise<void> {
  if (pid !== process.pid) await poll(() => !isAlive(pid), { withinMs: PATIENCE_MS, everyMs: POLL_MS, signal });
}
