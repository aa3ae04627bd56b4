import type { Run } from '../command.ts';
import { channelLines } from '../render/lineage.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const channel = await client.channel({ channel: args.required('CHANNEL') });
  return { document: channel, lines: channelLines(channel, context.now()) };
};
