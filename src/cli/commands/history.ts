import type { Run } from '../command.ts';
import { moment } from '../render/amounts.ts';
import { describeEntry } from '../render/entry.ts';
import { table } from '../render/table.ts';

const DEFAULT_ENTRIES = 30;
/** So many are asked for to find one that is told without --steps. */
const STEPS_PER_ENTRY = 25;
const MOST_ASKED = 10_000;

/** How the daemon went about it, rather than what happened. */
const STEP_KINDS = new Set([
  'step.intent',
  'step.done',
  'group.sized',
  'group.deleted',
  'group.gone',
  'image.ready',
  'instance.removed',
]);

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const service = args.text('SERVICE');
  const limit = args.integer('limit', 1) ?? DEFAULT_ENTRIES;
  const asked = args.flag('steps') ? limit : Math.min(MOST_ASKED, limit * STEPS_PER_ENTRY);
  const found = await client.history({ newest: true, limit: asked, ...(service === undefined ? {} : { service }) });
  const entries = found.entries.filter((entry) => args.flag('steps') || !STEP_KINDS.has(entry.kind)).slice(-limit);
  const rows = entries.map((entry) => [String(entry.seq), moment(entry.at), entry.fleet ?? '', describeEntry(entry)]);
  return {
    document: { entries },
    lines: table(
      [{ title: 'ENTRY', align: 'right' }, { title: 'WHEN' }, { title: 'FLEET' }, { title: 'WHAT', flexible: true }],
      rows,
      // What goes to a file or a program is whole.
      context.terminal.live ? context.terminal.columns : Number.POSITIVE_INFINITY,
    ),
  };
};
