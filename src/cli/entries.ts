/** The history's entries as they are made, through restarts of the daemon. */
import type { Client, EntryBody } from '../client/client.ts';
import { KilnError } from '../errors/error.ts';
import { systemClock } from '../platform/clock.ts';
import type { Context } from './command.ts';

const COMEBACK_MS = 30_000;
const COMEBACK_POLL_MS = 100;

/** The sequence number of the newest entry of the whole history. */
export async function newestEntry(client: Client): Promise<number> {
  const { entries } = await client.history({ newest: true, limit: 1 });
  return entries.at(-1)?.seq ?? 0;
}

/**
 * The entries after `after`, of one service or of all, in order and without end, until the context's signal fires. A daemon
 * that went away is waited for, and read on from there; DAEMON_UNREACHABLE where it does not come back.
 */
export async function* entriesAfter(
  client: Client,
  { service, after }: { readonly service: string | undefined; readonly after: number },
  context: Context,
): AsyncGenerator<EntryBody, void> {
  let last = after;
  while (true) {
    const input = service === undefined ? { after: last } : { service, after: last };
    try {
      for await (const entry of client.events(input, { signal: context.signal })) {
        last = entry.seq;
        yield entry;
      }
    } catch (error) {
      if (context.signal.aborted || !isUnreachable(error)) throw error;
      await untilDaemonIsBack(context, error);
    }
  }
}

export const isUnreachable = (error: unknown): error is KilnError =>
  error instanceof KilnError && error.code === 'DAEMON_UNREACHABLE';

/** Does not start it: perhaps somebody has just stopped it on purpose. */
async function untilDaemonIsBack(context: Context, lost: KilnError): Promise<void> {
  const deadline = context.now() + COMEBACK_MS;
  while (context.now() < deadline) {
    await systemClock.sleep(COMEBACK_POLL_MS, context.signal);
    // One that hangs takes connections, too.
    const health = await context
      .connect({ start: false })
      .then((client) => client.health())
      .catch(() => null);
    if (health !== null) return;
  }
  throw lost;
}
