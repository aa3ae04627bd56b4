/** Commands that tell a fleet one word and show what came of it. */
import type { InputOf } from '../client/client.ts';
import type { FleetId } from '../domain/ids.ts';
import type { Arguments } from './arguments.ts';
import type { Run } from './command.ts';
import { fleetLines } from './render/fleet.ts';

type Word = 'pause' | 'resume' | 'approve' | 'abort';

/** `more`: what the word's own options add. */
export const fleetCommand =
  <W extends Word>(
    verb: W,
    said: (fleet: FleetId) => string,
    more: (args: Arguments) => Omit<InputOf<W>, 'service' | 'by'> = () => ({}) as Omit<InputOf<W>, 'service' | 'by'>,
  ): Run =>
  async (args, context) => {
    const client = await context.connect();
    const status = await client[verb]({ service: args.required('SERVICE'), by: context.by, ...more(args) });
    const around = { terminal: context.terminal, now: context.now() };
    return { document: status, lines: [said(status.fleet), ...fleetLines(status, around)] };
  };
