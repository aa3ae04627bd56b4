import type { Run } from '../command.ts';
import { channelLines, channelName } from '../render/lineage.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const service = args.text('service');
  const answer = await client.setChannel({
    channel: args.required('CHANNEL'),
    image: args.required('IMAGE'),
    reason: args.text('reason') ?? '',
    breakGlass: args.flag('breakGlass'),
    by: context.by,
    ...(service === undefined ? {} : { service }),
  });
  const { channel, moved } = answer;
  const lines = channelLines(channel, context.now());
  return { document: answer, lines: moved ? lines : [`${channelName(channel)} holds it already`, ...lines.slice(1)] };
};
