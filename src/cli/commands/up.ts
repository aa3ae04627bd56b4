import type { Run } from '../command.ts';
import { duration } from '../render/amounts.ts';
import { problemLines } from '../render/problems.ts';

export const run: Run = async (_args, context) => {
  const client = await context.connect();
  const { started, problems } = await client.start({ by: context.by });
  const health = await client.health();
  const since = duration(context.now() - health.startedAt);
  return {
    document: { ...health, started, problems },
    lines: [
      `The daemon runs (Kiln ${health.version}, process ${health.pid}, up for ${since}).`,
      `  home ${health.home}`,
      ...(started.length === 0 ? [] : [`  starting ${started.join(', ')}`]),
      ...problemLines(problems, context.terminal),
      '  next: kiln status · kiln deploy DIR',
    ],
  };
};
