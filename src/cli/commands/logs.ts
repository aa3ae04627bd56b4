import type { LogLineBody } from '../../client/client.ts';
import { KilnError } from '../../errors/error.ts';
import type { Context, Run } from '../command.ts';
import { harmlessLogLine } from '../terminal.ts';

const DEFAULT_LINES = 100;

export const run: Run = async (args, context) => {
  const follow = args.flag('follow');
  if (follow && context.json) {
    throw new KilnError('USAGE', '--json answers with one document, and --follow never ends', {
      hint: 'leave one of the two out',
    });
  }
  const client = await context.connect();
  const input = { target: args.required('SERVICE|INSTANCE'), follow, lines: args.integer('tail', 0) ?? DEFAULT_LINES };
  const lines: LogLineBody[] = [];
  let count = 0;
  try {
    for await (const line of client.logs(input)) {
      count++;
      if (context.json) lines.push(line);
      else context.terminal.write(`${textOf(line, context)}\n`);
    }
  } catch (error) {
    // Ctrl-C is the way to end --follow.
    if (!follow || !context.signal.aborted) throw error;
  }
  if (count === 0 && context.terminal.live) context.terminal.complain(`${input.target} has written nothing so far\n`);
  return { document: { lines }, lines: [] };
};

/** The release and the instance's own six characters, then what it wrote. */
function textOf({ instance, text, stream }: LogLineBody, { terminal }: Context): string {
  const name = instance.split('.').slice(2).join('.');
  return `${terminal.paint(stream === 'stderr' ? 'yellow' : 'dim', name)} ${terminal.live ? harmlessLogLine(text) : text}`;
}
