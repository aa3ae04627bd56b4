import type { Run } from '../command.ts';
import { counted } from '../render/amounts.ts';
import { problemLines } from '../render/problems.ts';

const REQUIREMENT_MISSING = 2;

export const run: Run = async (_args, context) => {
  const client = await context.connect();
  const { problems, met } = await client.doctor();
  const { paint } = context.terminal;
  const fatal = problems.filter((problem) => problem.fatal);
  const width = Math.max(...met.map(({ name }) => name.length));
  return {
    document: { problems, met },
    lines: [
      ...met.map(({ name, fix }) => `${paint('green', '✓')} ${name.padEnd(width)}   ${paint('dim', fix)}`),
      ...problemLines(problems, context.terminal),
      verdict(problems.length, fatal.length),
    ],
    exitCode: fatal.length === 0 ? 0 : REQUIREMENT_MISSING,
  };
};

function verdict(problems: number, fatal: number): string {
  if (problems === 0) return 'This machine has all that Kiln needs.';
  return fatal === 0
    ? 'Kiln can run here; the points above limit it.'
    : `${counted(fatal, 'problem')} must be mended before anything runs here.`;
}
