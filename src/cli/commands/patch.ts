import type { Client, PatchStatusBody } from '../../client/client.ts';
import type { Arguments } from '../arguments.ts';
import type { Context, Result, Run } from '../command.ts';
import { followPatch } from '../follow-patch.ts';
import { endLines, headLines, patchPlanLines } from '../render/patch.ts';

const CHANGES_FOUND = 3;
const NOT_ALL = 4;
const PERSON_NEEDED = 5;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const cve = args.required('CVE');
  return args.flag('plan') ? plan(client, cve, context) : patch(client, cve, args, context);
};

async function plan(client: Client, cve: string, context: Context): Promise<Result> {
  const planned = await client.planPatch({ cve });
  const isNothing = planned.steps.length === 0 && planned.fleets.length === 0;
  return {
    document: planned,
    lines: patchPlanLines(planned, context.terminal, context.now()),
    ...(isNothing ? {} : { exitCode: CHANGES_FOUND }),
  };
}

async function patch(client: Client, cve: string, args: Arguments, context: Context): Promise<Result> {
  const breakGlass = args.text('breakGlass');
  const input = { cve, by: context.by, ...(breakGlass === undefined ? {} : { breakGlass }) };
  const begun = await client.patch(input);
  const { id, plan: planned } = begun;
  const head = headLines(planned, context.terminal);
  if (id === null) return { document: begun, lines: head };
  if (args.declined('wait')) return { document: begun, lines: [...head, `The daemon patches. To follow: kiln patch ${cve}`] };
  if (!context.json) for (const line of head) context.terminal.write(`${line}\n`);
  const status = await followPatch(client, { id, plan: planned }, context);
  return { document: status, lines: endLines(status, context.terminal, context.now()), exitCode: exitOf(status) };
}

function exitOf({ results, rollouts, left }: PatchStatusBody): number {
  if (rollouts.some(({ outcome }) => outcome === 'attention')) return PERSON_NEEDED;
  const isMade = results.every(({ outcome }) => outcome === 'made' || outcome === 'unchanged');
  const isMended = rollouts.every(({ outcome }) => outcome === 'mended');
  return isMade && isMended && left.length === 0 ? 0 : NOT_ALL;
}
