import type { AnswerOf, Client } from '../../client/client.ts';
import { KilnError } from '../../errors/error.ts';
import type { Context, Result, Run } from '../command.ts';
import { entriesAfter, isUnreachable, newestEntry } from '../entries.ts';
import { liveOn } from '../live.ts';
import { fleetLines, fleetsLines, type Surroundings } from '../render/fleet.ts';
import { problemLines } from '../render/problems.ts';
import { wavesLines } from '../render/waves.ts';

/** Between two events nothing changes but the clock. */
const REDRAW_MS = 1000;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const service = args.text('SERVICE');
  return args.flag('watch') ? watch(client, service, context) : look(client, service, context);
};

async function look(client: Client, service: string | undefined, { terminal, now }: Context): Promise<Result> {
  const around = { terminal, now: now() };
  if (service !== undefined) {
    const only = await client.status({ service });
    return { document: only, lines: fleetLines(only, around) };
  }
  const all = await client.fleets();
  return { document: all, lines: overview(all, around) };
}

type All = AnswerOf<'fleets'>;

function overview({ fleets, problems, waves }: All, around: Surroundings): readonly string[] {
  const notices = problemLines(problems, around.terminal);
  const told = waves.flatMap((each) => wavesLines(each, around.terminal, around.now));
  const isLost = problems.some(({ code }) => code !== undefined);
  return fleets.length === 0 && isLost ? notices : [...fleetsLines(fleets, around), ...told, ...notices];
}

/** Redraws until Ctrl-C. Answers what it saw last. */
async function watch(client: Client, service: string | undefined, context: Context): Promise<Result> {
  const { terminal, signal } = context;
  if (context.json || !terminal.live) {
    throw new KilnError('USAGE', '--watch redraws a terminal, and there is none', {
      hint: 'run it without --json in a terminal; scripts can wait with `kiln deploy --wait`',
    });
  }
  const live = liveOn(terminal);
  const ended = new AbortController();
  let seen = await look(client, service, context);
  const draw = async (): Promise<void> => {
    seen = await look(client, service, context);
    live.draw(seen.lines);
  };
  // While the daemon is away the last state stays; whoever reads the entries notices when it does not come back.
  const redraw = (): Promise<void> =>
    draw().catch((error: unknown) => (signal.aborted || isUnreachable(error) ? undefined : ended.abort(error)));
  live.draw(seen.lines);
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
  return seen;
}
