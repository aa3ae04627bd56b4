import { resolve } from 'node:path';

import type { Run } from '../command.ts';
import { liveOn } from '../live.ts';
import { diffMarkdown } from '../render/diff-markdown.ts';
import { diffLines } from '../render/diff.ts';

const DIFFERENT = 3;
/** As many as the daemon lists. */
const ALL = 20_000;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const folder = args.text('dir');
  const all = args.flag('all');
  const input = {
    first: args.required('A'),
    second: args.required('B'),
    all,
    texts: args.flag('text'),
    ...(all ? { limit: ALL } : {}),
    ...(folder === undefined ? {} : { folder: resolve(context.cwd, folder) }),
  };
  const live = liveOn(context.terminal);
  // Of images that were pulled nothing is known yet: to read a gigabyte takes seconds.
  if (!context.json) live.draw(['  ● comparing what the layers hold']);
  const diff = await client.diff(input).finally(() => live.clear());
  const lines = args.flag('markdown') ? diffMarkdown(diff, all) : diffLines(diff, all, context.terminal);
  return { document: diff, lines, exitCode: diff.same ? 0 : DIFFERENT };
};
