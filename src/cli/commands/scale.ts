import { KilnError } from '../../errors/error.ts';
import type { Run } from '../command.ts';
import { counted } from '../render/amounts.ts';
import { fleetLines } from '../render/fleet.ts';

export const run: Run = async (args, context) => {
  const size = args.integer('N', 0);
  if (size === undefined) throw new KilnError('USAGE', 'N is missing', { hint: 'give a number of instances, such as 3' });
  const client = await context.connect();
  const status = await client.scale({ service: args.required('SERVICE'), size, by: context.by });
  const around = { terminal: context.terminal, now: context.now() };
  return { document: status, lines: [`${status.fleet}: ${counted(size, 'instance')} wanted`, ...fleetLines(status, around)] };
};
