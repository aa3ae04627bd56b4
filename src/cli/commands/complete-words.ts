import { hexOf } from '../../domain/digest.ts';
import { KilnError } from '../../errors/error.ts';
import type { Client } from '../../client/client.ts';
import { serviceOf } from '../../domain/ids.ts';
import type { Run } from '../command.ts';

/** A key pressed in the shell starts no daemon and shows no error: without a daemon there are no words. */
export const run: Run = async (args, context) => {
  const words = await wordsOf(args.required('KIND'), () => context.connect({ start: false })).catch((error: unknown) => {
    if (error instanceof KilnError) return [];
    throw error;
  });
  return { document: { words }, lines: words };
};

async function wordsOf(kind: string, connect: () => Promise<Client>): Promise<readonly string[]> {
  const client = await connect();
  if (kind === 'service') {
    const { fleets } = await client.fleets();
    return [...new Set(fleets.map(({ fleet }) => serviceOf(fleet)))].toSorted();
  }
  if (kind === 'channel') {
    const { channels } = await client.channels();
    return channels.map(({ service, channel }) => `${service}.${channel}`);
  }
  const { images } = await client.images();
  return images.flatMap(({ digest, tags }) => (tags.length === 0 ? [hexOf(digest).slice(0, 12)] : tags)).toSorted();
}
