import type { Run } from '../command.ts';
import { fleetLines } from '../render/fleet.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const past = args.flag('all') ? 'all' : 'step';
  const status = await client.promote({ service: args.required('SERVICE'), past, by: context.by });
  const said = past === 'all' ? 'the rollout goes on to its end' : 'the rollout goes on with its next step';
  return {
    document: status,
    lines: [`${status.fleet}: ${said}`, ...fleetLines(status, { terminal: context.terminal, now: context.now() })],
  };
};
