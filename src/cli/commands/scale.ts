import { KilnError } from '../../errors/error.ts';
import { readDuration } from '../../spec/units.ts';
import type { Arguments } from '../arguments.ts';
import type { Run } from '../command.ts';
import { counted } from '../render/amounts.ts';
import { fleetLines } from '../render/fleet.ts';

export const run: Run = async (args, context) => {
  const size = args.required('N') === 'auto' ? ('auto' as const) : (args.integer('N', 0) ?? 0);
  const forMs = timeOf(args);
  const client = await context.connect();
  const input = { service: args.required('SERVICE'), size, by: context.by, ...(forMs === null ? {} : { forMs }) };
  const status = await client.scale(input);
  const around = { terminal: context.terminal, now: context.now() };
  const said = size === 'auto' ? 'its size follows its load' : `${counted(size, 'instance')} wanted`;
  return { document: status, lines: [`${status.fleet}: ${said}`, ...fleetLines(status, around)] };
};

function timeOf(args: Arguments): number | null {
  const text = args.text('for');
  if (text === undefined) return null;
  const reading = readDuration(text);
  if (reading.ok && reading.value > 0) return reading.value;
  throw new KilnError('USAGE', `--for is "${text}", which is not ${reading.ok ? 'any time' : reading.expected}`, {
    hint: 'give one such as 2h',
  });
}
