import { KilnError } from '../../errors/error.ts';
import type { Run } from '../command.ts';
import { planLines, resultLine, resultsLines } from '../render/cascade.ts';

const CHANGES_FOUND = 3;
const NOT_ALL = 4;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const image = args.text('IMAGE');
  if ((image === undefined) !== args.flag('all')) {
    throw new KilnError('USAGE', 'name either one IMAGE or --all', { hint: '`kiln bases --check` lists what has moved' });
  }
  const roots = image === undefined ? {} : { image };
  if (args.flag('plan')) {
    const plan = await client.planCascade(roots);
    return {
      document: plan,
      lines: planLines(plan, context.terminal),
      ...(plan.steps.length > 0 ? { exitCode: CHANGES_FOUND } : {}),
    };
  }
  const call = client.cascade({ ...roots, by: context.by });
  for await (const event of call) {
    if (!context.json) context.terminal.write(`${resultLine(event, context.terminal)}\n`);
  }
  const answer = await call.result();
  const whole = answer.results.every(({ outcome }) => outcome === 'made' || outcome === 'unchanged');
  return { document: answer, lines: resultsLines(answer), ...(whole ? {} : { exitCode: NOT_ALL }) };
};
