/** `kiln deploy` of a kiln.yaml with several services: planned, or begun and followed to the end. */
import type { AnswerOf, Client, EntryBody, InputOf, WavesBody } from '../client/client.ts';
import { KilnError } from '../errors/error.ts';
import type { Arguments } from './arguments.ts';
import { showBake } from './bake-progress.ts';
import type { Context, Result } from './command.ts';
import { entriesAfter, newestEntry } from './entries.ts';
import { TOLD } from './follow-rollout.ts';
import { liveOn } from './live.ts';
import { describeEntry } from './render/entry.ts';
import { planHead, wavesLines } from './render/waves.ts';

const CHANGES_FOUND = 3;
const NOT_ALL = 4;
const PERSON_NEEDED = 5;

type Input = InputOf<'deployWaves'>;
type Planned = AnswerOf<'planWaves'>['services'][number];

export interface WavesCommand {
  readonly input: Input;
  /** How what is planned of one service is shown. */
  readonly planLines: (planned: Planned) => readonly string[];
}

export async function deployWaves(
  client: Client,
  { input, planLines }: WavesCommand,
  args: Arguments,
  context: Context,
): Promise<Result> {
  requireWhole(args);
  return args.flag('plan') ? plan(client, input, planLines, context) : deploy(client, input, args, context);
}

/** What is of one service only. */
function requireWhole(args: Arguments): void {
  for (const name of ['image', 'strategy']) {
    if (args.text(name) === undefined) continue;
    throw new KilnError('USAGE', `--${name} is for one service, and this kiln.yaml has several`, {
      hint: `add --only SERVICE`,
    });
  }
}

async function plan(client: Client, input: Input, planLines: WavesCommand['planLines'], context: Context): Promise<Result> {
  const call = client.planWaves(input, { signal: context.signal });
  await showBake(call, context);
  const planned = await call.result();
  const changes = planned.services.some((service) => service.changes);
  const end = changes ? 'Nothing was changed. Without --plan it is done.' : 'Nothing would change.';
  return {
    document: planned,
    lines: [...planHead(planned.services), ...planned.services.flatMap(planLines), end],
    ...(changes ? { exitCode: CHANGES_FOUND } : {}),
  };
}

async function deploy(client: Client, input: Input, args: Arguments, context: Context): Promise<Result> {
  const after = await newestEntry(client);
  const call = client.deployWaves(input, { signal: context.signal });
  await showBake(call, context);
  const { waves, joined } = await call.result();
  const head = [...planHead(waves.services), ...(joined ? ['  joined: the same is under way already'] : [])];
  if (args.declined('wait')) {
    return { document: waves, lines: [...head, 'The daemon goes on with them. To follow: kiln status --watch'] };
  }
  if (!context.json) context.terminal.write(`${head.join('\n')}\n`);
  const ended = await follow(client, { waves, after: joined ? waves.id : after }, context);
  return { document: ended, lines: wavesLines(ended, context.terminal, context.now()), exitCode: exitOf(ended) };
}

function exitOf({ services, stopped }: WavesBody): number {
  if (services.some(({ state }) => state === 'attention')) return PERSON_NEEDED;
  return stopped === null ? 0 : NOT_ALL;
}

interface Followed {
  readonly waves: WavesBody;
  readonly after: number;
}

/** Until they have ended, through restarts of the daemon. Throws INTERRUPTED at Ctrl-C. */
async function follow(client: Client, { waves, after }: Followed, context: Context): Promise<WavesBody> {
  const { terminal, json } = context;
  const live = liveOn(terminal);
  const fleets = new Set<string | null>(waves.services.map(({ fleet }) => fleet));
  try {
    for await (const entry of entriesAfter(client, { service: undefined, after }, context)) {
      const isOurs = isOf(entry, waves.id);
      if (!isOurs && !(fleets.has(entry.fleet) && TOLD.has(entry.kind))) continue;
      if (terminal.live && !json) live.draw(wavesLines(await client.waves({ id: waves.id }), terminal, context.now()));
      else if (!json) terminal.write(`  ${lineOf(entry)}\n`);
      if (isOurs && entry.kind === 'waves.finished') return await client.waves({ id: waves.id });
    }
  } catch (error) {
    throw context.signal.aborted ? interrupted() : error;
  } finally {
    live.clear();
  }
  throw interrupted();
}

const lineOf = (entry: EntryBody): string => (entry.fleet === null ? '' : `${entry.fleet}: `) + describeEntry(entry);

const isOf = ({ kind, data }: EntryBody, id: number): boolean =>
  kind.startsWith('waves.') && (data as { readonly waves?: number }).waves === id;

const interrupted = (): KilnError =>
  new KilnError('INTERRUPTED', 'no longer waiting; the daemon goes on with the waves', {
    hint: '`kiln status --watch` shows them; `kiln abort SERVICE` stops the line',
  });
