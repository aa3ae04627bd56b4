import { KilnError } from '../../errors/error.ts';
import { readDuration } from '../../spec/units.ts';
import type { InputOf } from '../../client/client.ts';
import type { Arguments } from '../arguments.ts';
import type { Run } from '../command.ts';
import { gcLines, restoredLines } from '../render/gc.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  if (args.flag('undo') || args.text('undo') !== undefined) {
    const image = args.text('undo');
    const answer = await client.restore({ by: context.by, ...(image === undefined ? {} : { image }) });
    return { document: answer, lines: restoredLines(answer) };
  }
  const onlyPlan = args.flag('plan');
  const plan = await (onlyPlan ? client.planGc(policyOf(args)) : client.gc(policyOf(args)));
  return { document: plan, lines: gcLines(plan, !onlyPlan, context.now(), context.terminal) };
};

function policyOf(args: Arguments): InputOf<'gc'> {
  const keep = args.integer('keep', 0);
  const given = [
    ['youngMs', durationOf(args, 'youngerThan', '--younger-than')],
    ['launchedMs', durationOf(args, 'launchedWithin', '--launched-within')],
    ['trashMs', durationOf(args, 'trash', '--trash')],
  ].filter(([, ms]) => ms !== undefined);
  return { ...(keep === undefined ? {} : { keep }), ...(Object.fromEntries(given) as InputOf<'gc'>) };
}

function durationOf(args: Arguments, name: string, flag: string): number | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  const reading = readDuration(text);
  if (reading.ok) return reading.value;
  throw new KilnError('USAGE', `${flag} is "${text}", which is not ${reading.expected}`, { hint: 'give one such as 7d or 12h' });
}
