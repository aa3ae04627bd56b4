import type { Run } from '../command.ts';
import { channelLines } from '../render/lineage.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const input = { channel: args.required('CHANNEL'), reason: args.text('reason') ?? '', by: context.by };
  const channel = await client.rollbackChannel(input);
  return { document: channel, lines: channelLines(channel, context.now()) };
};
