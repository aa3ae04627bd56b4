import type { Run } from '../command.ts';
import { configurationLines, hasDrifted } from '../render/configuration.ts';

const DRIFT_FOUND = 3;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const answer = await client.configuration({ service: args.required('SERVICE') });
  const lines = configurationLines(answer, context.terminal);
  return { document: answer, lines, exitCode: answer.references.some(hasDrifted) ? DRIFT_FOUND : 0 };
};
