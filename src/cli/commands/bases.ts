import type { Run } from '../command.ts';
import { basesLines } from '../render/cascade.ts';

const MOVED = 3;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const answer = await client.bases({ check: args.flag('check') });
  const lines = basesLines(answer, context.terminal, context.now());
  return { document: answer, lines, ...(answer.bases.some(({ moved }) => moved) ? { exitCode: MOVED } : {}) };
};
