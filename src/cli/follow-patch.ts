/** Follows a patch to its end by the history's events, through restarts of the daemon, which does not depend on it. */
import type { Client, EntryBody, PatchPlanBody, PatchStatusBody } from '../client/client.ts';
import { KilnError } from '../errors/error.ts';
import type { Context } from './command.ts';
import { entriesAfter } from './entries.ts';
import { liveOn } from './live.ts';
import { describeEntry } from './render/entry.ts';
import { harmless } from './terminal.ts';
import { fleetResultLine, leftLines, stepResultLine } from './render/patch.ts';

export interface Followed {
  readonly id: number;
  readonly plan: PatchPlanBody;
}

/** Of the fleets of the patch; whatever else happens to them is in the history. */
const TOLD = new Set(['canary.judged', 'canary.passed', 'rollout.paused', 'rollout.resumed']);
/** Shown while they are the newest, where a person watches. */
const PASSING = new Set(['gate.done', 'rollout.started', 'rollout.progress', 'traffic.set', 'instance.retiring']);

/** Throws INTERRUPTED at Ctrl-C. */
export async function followPatch(client: Client, followed: Followed, context: Context): Promise<PatchStatusBody> {
  const { id } = followed;
  const live = liveOn(context.terminal);
  try {
    for await (const entry of entriesAfter(client, { service: undefined, after: id }, context)) {
      const lines = await linesOf(client, followed, entry, context);
      if (lines.length > 0) live.clear();
      if (!context.json) for (const line of lines) context.terminal.write(`${line}\n`);
      if (isOf(entry, 'patch.finished', id)) return await client.patchStatus({ id });
      if (!context.json && lines.length === 0 && PASSING.has(entry.kind)) live.draw([`  ● ${described(entry)}`]);
    }
  } catch (error) {
    throw context.signal.aborted ? interrupted(followed) : error;
  } finally {
    live.clear();
  }
  throw interrupted(followed);
}

async function linesOf(
  client: Client,
  { id, plan }: Followed,
  entry: EntryBody,
  { terminal, now }: Context,
): Promise<readonly string[]> {
  const data = entry.data as { readonly result?: never };
  if (isOf(entry, 'cascade.step', id) && data.result !== undefined) return [stepResultLine(data.result, terminal)];
  if (isOf(entry, 'patch.rolling', id)) return [`  ● ${rollingText(entry)}`];
  if (isOf(entry, 'patch.fleet', id) && data.result !== undefined) {
    return [fleetResultLine(data.result, terminal), ...(await waitLines(client, id, terminal, now()))];
  }
  if (entry.kind === 'bake.started') return bakeLines(plan, entry);
  const isOurs = plan.fleets.some(({ fleet }) => fleet === entry.fleet);
  return isOurs && TOLD.has(entry.kind) ? [`    ${described(entry)}`] : [];
}

/** Others may bake meanwhile. */
function bakeLines({ steps }: PatchPlanBody, { data }: EntryBody): readonly string[] {
  const { service, folder } = data as { readonly service?: string; readonly folder?: string };
  const step = steps.find((each) => each.service === service && each.folder === folder);
  return step === undefined ? [] : [`  ● ${step.service}   is baked again in ${harmless(step.folder)}`];
}

/** Once all rollouts have ended: what is still waited for. */
async function waitLines(client: Client, id: number, terminal: Context['terminal'], now: number): Promise<readonly string[]> {
  const { fleets, rollouts, left, finishedAt } = await client.patchStatus({ id });
  const kept = left.filter(({ warmUntil }) => warmUntil !== null);
  return rollouts.length < fleets.length || finishedAt !== null || kept.length === 0 ? [] : leftLines(kept, terminal, now);
}

function rollingText({ data }: EntryBody): string {
  const { fleet, release } = data as { readonly fleet?: string; readonly release?: number };
  return harmless(`${fleet} → r${release}   is rolled out`);
}

/** Entries about images belong to no fleet. */
const described = (entry: EntryBody): string =>
  entry.fleet === null ? describeEntry(entry) : `${entry.fleet}: ${describeEntry(entry)}`;

function isOf({ kind, data }: EntryBody, wanted: string, id: number): boolean {
  const { cascade, patch } = data as { readonly cascade?: number; readonly patch?: number };
  return kind === wanted && (cascade ?? patch) === id;
}

const interrupted = ({ plan: { cve } }: Followed): KilnError =>
  new KilnError('INTERRUPTED', 'no longer waiting; the daemon goes on with the patch', {
    hint: `\`kiln patch ${cve}\` follows it again; \`kiln abort SERVICE\` takes a rollout back`,
  });
