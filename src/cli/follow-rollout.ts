/** Waits for a rollout to end, by the history's events; shows it on the way. The daemon does not depend on anybody waiting. */
import type { Client } from '../client/client.ts';
import { serviceOf, type FleetId } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import type { FleetStatusBody, EntryBody } from '../client/client.ts';
import type { Context } from './command.ts';
import { entriesAfter } from './entries.ts';
import { liveOn } from './live.ts';
import { duration } from './render/amounts.ts';
import { describeEntry } from './render/entry.ts';
import { fleetLines } from './render/fleet.ts';
import { endingWatcher, type Awaited } from './rollout-ending.ts';

/** What a person wants to see of a rollout; the rest is in the history. */
export const TOLD: ReadonlySet<string> = new Set([
  'release.made',
  'rollout.started',
  'rollout.progress',
  'canary.judged',
  'canary.passed',
  'alarm.raised',
  'alarm.cleared',
  'task.started',
  'task.ended',
  'checkpoint.reached',
  'checkpoint.passed',
  'rollout.paused',
  'rollout.resumed',
  'rollout.attention',
  'rollout.finished',
  'traffic.set',
  'instance.failed',
]);
const REDRAW_MS = 250;

/** Resolves when the release serves. Throws ROLLED_BACK, ATTENTION, SUPERSEDED, or INTERRUPTED at Ctrl-C. */
export async function followRollout(client: Client, awaited: Awaited, context: Context): Promise<FleetStatusBody> {
  const stopDrawing = drawStatus(client, awaited.fleet, context);
  try {
    await untilEnded(client, awaited, context);
  } catch (error) {
    throw context.signal.aborted ? interrupted(awaited.fleet) : error;
  } finally {
    await stopDrawing();
  }
  return client.status({ service: awaited.fleet });
}

async function untilEnded(client: Client, awaited: Awaited, context: Context): Promise<void> {
  const endingAt = endingWatcher(awaited);
  let since: number | null = null;
  for await (const entry of entriesAfter(client, { service: awaited.fleet, after: awaited.after }, context)) {
    since ??= entry.at;
    if (TOLD.has(entry.kind)) tell(entry, since, context);
    const ending = endingAt(entry);
    if (ending === 'done') return;
    if (ending !== null) throw ending;
  }
}

function tell(entry: EntryBody, since: number, { json, terminal }: Context): void {
  // On a terminal the status is redrawn instead.
  if (json || terminal.live) return;
  terminal.write(`  ${duration(entry.at - since).padStart(8)}  ${describeEntry(entry)}\n`);
}

/** Redraws the fleet's status until the returned function is called. */
function drawStatus(client: Client, fleet: FleetId, { json, terminal, now }: Context): () => Promise<void> {
  if (json || !terminal.live) return async () => {};
  const live = liveOn(terminal);
  let drawing = Promise.resolve();
  let asking = false;
  const draw = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    // A daemon that is being restarted is noticed by the stream of events, not here.
    const status = await client.status({ service: fleet }).catch(() => null);
    asking = false;
    if (status !== null) live.draw(fleetLines(status, { terminal, now: now() }));
  };
  const timer = setInterval(() => {
    drawing = draw();
  }, REDRAW_MS);
  return async () => {
    clearInterval(timer);
    await drawing;
    live.clear();
  };
}

const interrupted = (fleet: FleetId): KilnError =>
  new KilnError('INTERRUPTED', `no longer waiting; the daemon goes on with the rollout of ${fleet}`, {
    hint: `\`kiln status ${serviceOf(fleet)} --watch\` shows it, \`kiln abort ${serviceOf(fleet)}\` takes it back`,
  });
