import type { Run } from '../command.ts';
import { movesLines } from '../render/lineage.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const history = await client.channelHistory({ channel: args.required('CHANNEL') });
  return { document: history, lines: movesLines(history, context.terminal) };
};
