import type { Run } from '../command.ts';
import { gcLines } from '../render/images.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const onlyPlan = args.flag('plan');
  const plan = await (onlyPlan ? client.planGc() : client.gc());
  return { document: plan, lines: gcLines(plan, !onlyPlan) };
};
