import type { Client, FleetStatusBody } from '../../client/client.ts';
import { KilnError } from '../../errors/error.ts';
import type { Context, Run } from '../command.ts';
import { entriesAfter, isUnreachable, newestEntry } from '../entries.ts';
import { liveOn } from '../live.ts';
import { fleetLines, fleetsLines } from '../render/fleet.ts';

/** Between two events nothing changes but the clock. */
const REDRAW_MS = 1000;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const service = args.text('SERVICE');
  if (args.flag('watch')) await watch(client, service, context);
  const fleets = await read(client, service);
  const around = { terminal: context.terminal, now: context.now() };
  const [only] = fleets;
  if (service === undefined || only === undefined) return { document: { fleets }, lines: fleetsLines(fleets, around) };
  return { document: only, lines: fleetLines(only, around) };
};

const read = async (client: Client, service: string | undefined): Promise<readonly FleetStatusBody[]> =>
  service === undefined ? (await client.fleets()).fleets : [await client.status({ service })];

/** Redraws until Ctrl-C; then the caller prints the last state. */
async function watch(client: Client, service: string | undefined, context: Context): Promise<void> {
  const { terminal, signal } = context;
  if (context.json || !terminal.live) {
    throw new KilnError('USAGE', '--watch redraws a terminal, and there is none', {
      hint: 'run it without --json in a terminal; scripts can wait with `kiln deploy --wait`',
    });
  }
  const live = liveOn(terminal);
  const ended = new AbortController();
  const draw = async (): Promise<void> => {
    const fleets = await read(client, service);
    const around = { terminal, now: context.now() };
    live.draw(service === undefined ? fleetsLines(fleets, around) : fleets.flatMap((fleet) => fleetLines(fleet, around)));
  };
  // While the daemon is away the last state stays; whoever reads the entries notices when it does not come back.
  const redraw = (): Promise<void> => draw().catch((error: unknown) => (isUnreachable(error) ? undefined : ended.abort(error)));
  await draw();
  const timer = setInterval(() => void redraw(), REDRAW_MS);
  try {
    const both = { ...context, signal: AbortSignal.any([signal, ended.signal]) };
    for await (const _ of entriesAfter(client, { service, after: await newestEntry(client) }, both)) await redraw();
  } catch (error) {
    if (ended.signal.aborted) throw ended.signal.reason;
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(timer);
    live.clear();
  }
}
