import type { AnswerOf, Client } from '../../client/client.ts';
import type { Context, Result, Run } from '../command.ts';
import { counted } from '../render/amounts.ts';
import { harmless } from '../terminal.ts';

/** As of settings that have to be mended. */
const NOT_TAKEN = 2;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  return args.flag('test') ? test(client, args.text('RECEIVER'), context) : list(client, context);
};

async function test(client: Client, receiver: string | undefined, { terminal }: Context): Promise<Result> {
  const tested = await client.testNotification(receiver === undefined ? {} : { receiver });
  const lines = tested.receivers.map(({ name, way, why }) =>
    why === null
      ? `${terminal.paint('green', '✓')} ${name}   ${way}   taken`
      : `${terminal.paint('red', '✗')} ${name}   ${way}   ${harmless(why)}`,
  );
  return { document: tested, lines, exitCode: tested.receivers.some(({ why }) => why !== null) ? NOT_TAKEN : 0 };
}

async function list(client: Client, { terminal }: Context): Promise<Result> {
  const answer = await client.notifications();
  if (answer.receivers.length === 0) {
    return {
      document: answer,
      lines: ['Nobody is told. notifications.yaml in the home folder names receivers: docs/notifications.md'],
    };
  }
  return { document: answer, lines: answer.receivers.flatMap((each) => linesOf(each, terminal)) };
}

type Receiver = AnswerOf<'notifications'>['receivers'][number];

function linesOf(
  { name, way, on, environments, services, waiting, trouble }: Receiver,
  terminal: Context['terminal'],
): readonly string[] {
  const where = `${environments?.join(', ') ?? 'every environment'}, ${services?.join(', ') ?? 'every service'}`;
  const head = `${name}   ${way}   ${on.join(', ')}   of ${where}`;
  if (trouble === null) return [head];
  return [head, `  ${terminal.paint('red', '✗')} ${harmless(trouble)}; ${counted(waiting, 'notice')} waiting`];
}
