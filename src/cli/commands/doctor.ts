import type { Run } from '../command.ts';
import { counted } from '../render/amounts.ts';
import { problemLines } from '../render/problems.ts';

const REQUIREMENT_MISSING = 2;

export const run: Run = async (_args, context) => {
  const client = await context.connect();
  const { problems } = await client.doctor();
  const fatal = problems.filter((problem) => problem.fatal);
  if (problems.length === 0) return { document: { problems }, lines: ['This machine has all that Kiln needs.'] };
  const lines = problemLines(problems, context.terminal);
  const verdict =
    fatal.length === 0
      ? 'Kiln can run here; the points above limit it.'
      : `${counted(fatal.length, 'problem')} must be mended before anything runs here.`;
  return { document: { problems }, lines: [...lines, verdict], exitCode: fatal.length === 0 ? 0 : REQUIREMENT_MISSING };
};
