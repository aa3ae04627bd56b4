import type { Client } from '../../client/client.ts';
import type { FleetId } from '../../domain/ids.ts';
import { KilnError } from '../../errors/error.ts';
import type { Context, Run } from '../command.ts';
import { entriesAfter, newestEntry } from '../entries.ts';

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const [{ fleet }, after] = await Promise.all([client.status({ service: args.required('SERVICE') }), newestEntry(client)]);
  await retire(client, fleet, context);
  const removed = !args.declined('wait') && (await untilRetired(client, { service: fleet, after }, context));
  const said = removed
    ? `${fleet}: all instances are drained and retired. Images, volumes, logs and history stay.`
    : `${fleet}: being drained and retired; \`kiln status\` shows it`;
  return { document: { fleet, removed }, lines: [said] };
};

/** A fleet that is gone before the daemon has answered was there a moment ago: removed is what was asked for. */
async function retire(client: Client, fleet: FleetId, { by }: Context): Promise<void> {
  try {
    await client.retire({ service: fleet, by });
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== 'NOT_FOUND') throw error;
  }
}

async function untilRetired(client: Client, from: { service: string; after: number }, context: Context): Promise<boolean> {
  for await (const { kind } of entriesAfter(client, from, context)) if (kind === 'fleet.retired') return true;
  return false;
}
