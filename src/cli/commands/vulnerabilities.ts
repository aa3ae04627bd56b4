import { resolve } from 'node:path';

import type { Run } from '../command.ts';
import { vulnerabilityLines } from '../render/vulnerabilities.ts';

const FOUND = 3;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const folder = args.text('dir');
  const report = await client.vulnerabilities({
    reference: args.required('IMAGE'),
    ...(folder === undefined ? {} : { folder: resolve(context.cwd, folder) }),
  });
  const isHarmed = report.vulnerabilities.some(({ vex }) => vex?.status !== 'harmless');
  return { document: report, lines: vulnerabilityLines(report, context.terminal), exitCode: isHarmed ? FOUND : 0 };
};
