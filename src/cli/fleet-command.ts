/** Commands that tell a fleet one word and show what came of it. */
import type { FleetId } from '../domain/ids.ts';
import type { Run } from './command.ts';
import { fleetLines } from './render/fleet.ts';

export const fleetCommand =
  (verb: 'pause' | 'resume' | 'abort', said: (fleet: FleetId) => string): Run =>
  async (args, context) => {
    const client = await context.connect();
    const status = await client[verb]({ service: args.required('SERVICE'), by: context.by });
    const around = { terminal: context.terminal, now: context.now() };
    return { document: status, lines: [said(status.fleet), ...fleetLines(status, around)] };
  };
