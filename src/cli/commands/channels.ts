import type { Run } from '../command.ts';
import { channelsLines } from '../render/lineage.ts';

export const run: Run = async (_args, context) => {
  const client = await context.connect();
  const { channels } = await client.channels();
  return { document: { channels }, lines: channelsLines(channels, context.now(), context.terminal) };
};
