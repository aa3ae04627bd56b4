import type { Run } from '../command.ts';
import { lineageLines } from '../render/lineage.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const lineage = await client.lineage({ reference: args.required('IMAGE') });
  return { document: lineage, lines: lineageLines(lineage, context.now(), context.terminal) };
};
