import type { AnswerOf, Client, EntryBody, InputOf } from '../../client/client.ts';
import { serviceOf, type FleetId } from '../../domain/ids.ts';
import { KilnError } from '../../errors/error.ts';
import type { Arguments } from '../arguments.ts';
import type { Context, Result, Run } from '../command.ts';
import { entriesAfter, newestEntry } from '../entries.ts';
import { counted, duration } from '../render/amounts.ts';
import { harmless, type Terminal } from '../terminal.ts';

/** As the error CHAOS_REFUSED. */
const REFUSED = 2;

export const run: Run = async (args, context) => {
  const input = inputOf(args, context);
  const client = await context.connect();
  return args.flag('plan') ? plan(client, input, context) : experiment(client, input, args, context);
};

function inputOf(args: Arguments, { by }: Context): InputOf<'chaos'> {
  const [instance, seed] = [args.text('instance'), args.integer('seed', 0)];
  const kill = args.text('kill');
  if (instance !== undefined && kill !== undefined) {
    throw new KilnError('USAGE', '--kill says how many, --instance which one', { hint: 'give one of the two' });
  }
  return {
    service: args.required('SERVICE'),
    by,
    force: args.flag('force'),
    ...(instance === undefined ? {} : { instance }),
    ...(seed === undefined ? {} : { seed }),
    ...(kill === undefined ? {} : killOf(kill)),
  };
}

/** `2` or `50%`. */
function killOf(word: string): Pick<InputOf<'chaos'>, 'count' | 'percent'> {
  const [, digits = '', sign] = /^([1-9]\d{0,3})(%?)$/.exec(word) ?? [];
  const number = Number(digits);
  if (digits !== '' && (sign === '' || number <= 100)) return sign === '%' ? { percent: number } : { count: number };
  throw new KilnError('USAGE', `--kill is "${word}", which is no number and no share`, { hint: 'give one such as 2 or 50%' });
}

type Plan = AnswerOf<'planChaos'>;

async function plan(client: Client, input: InputOf<'chaos'>, { terminal }: Context): Promise<Result> {
  const planned = await client.planChaos(input);
  const refused = planned.objections.length > 0 && input.force !== true;
  const lines = [
    `${planned.fleet}   would kill ${described(planned)}`,
    ...objectionLines(planned, terminal),
    refused ? 'It would be refused. --force overrules that.' : 'Nothing was done. Without --plan it is.',
  ];
  return { document: planned, lines, ...(refused ? { exitCode: REFUSED } : {}) };
}

/** `1 of 3 healthy instances: r2.k3f9x2 (seed 8137); 2 go on serving, 1 is the least`. */
function described({ victims, healthy, seed, left, floor }: Plan): string {
  const chosen = seed === null ? 'named' : `seed ${seed}`;
  return `${victims.length} of ${counted(healthy, 'healthy instance')}: ${victims.map(lastName).join(', ')} (${chosen}); ${left} left, ${floor} is the least`;
}

const lastName = (id: string): string => id.split('.').slice(2).join('.');

const objectionLines = ({ objections }: Plan, terminal: Terminal): readonly string[] =>
  objections.map((objection) => `  ${terminal.paint('red', '✗')} ${harmless(objection)}`);

async function experiment(client: Client, input: InputOf<'chaos'>, args: Arguments, context: Context): Promise<Result> {
  const { terminal } = context;
  const after = await newestEntry(client);
  const begun = await client.chaos(input);
  const { fleet } = begun;
  const forced = begun.objections.length === 0 ? [] : [terminal.paint('red', 'FORCED: nothing of this is heeded')];
  const head = [`${fleet}   kills ${described(begun)}`, ...forced, ...objectionLines(begun, terminal)];
  if (args.declined('wait')) return { document: begun, lines: [...head, `    kiln status ${serviceOf(fleet)} --watch`] };
  if (!context.json) terminal.write(`${head.join('\n')}\n`);
  const ended = await untilEnded(client, begun, after, context);
  if (ended === null)
    return { document: { ...begun, outcome: 'overtaken' }, lines: ['  a rollout has begun meanwhile: not measured any more'] };
  const { outcome, killed, tookMs } = ended;
  if (outcome === 'late') throw late(fleet, tookMs);
  const healed = `${terminal.paint('green', '✓')} ${counted(killed, 'instance')} killed, whole again after ${duration(tookMs)}`;
  const spared = `${terminal.paint('yellow', '●')} nothing was killed: the fleet had changed by then`;
  return { document: { ...begun, ...ended }, lines: [`  ${outcome === 'whole' ? healed : spared}`] };
}

interface Ended {
  readonly id: number;
  readonly outcome: 'whole' | 'late' | 'spared';
  readonly killed: number;
  readonly tookMs: number;
}

const OVERTAKES = new Set(['rollout.started', 'fleet.stopped', 'fleet.retiring']);

/** Null: something else has ended it. */
async function untilEnded(
  client: Client,
  { fleet, experiment: id }: { fleet: FleetId; experiment: number },
  after: number,
  context: Context,
): Promise<Ended | null> {
  for await (const entry of entriesAfter(client, { service: fleet, after }, context)) {
    const ended = endOf(entry);
    if (ended?.id === id) return ended;
    if (entry.seq > id && OVERTAKES.has(entry.kind)) return null;
  }
  return null;
}

const endOf = ({ kind, data }: EntryBody): Ended | null => (kind === 'chaos.ended' ? (data as unknown as Ended) : null);

const late = (fleet: FleetId, tookMs: number): KilnError =>
  new KilnError('CHAOS_LATE', `${fleet}: not whole ${duration(tookMs)} after the experiment`, {
    hint: `Kiln goes on healing it; \`kiln status ${serviceOf(fleet)}\` shows why it takes so long`,
  });
