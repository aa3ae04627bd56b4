import { hexOf } from '../../domain/digest.ts';
import { KilnError } from '../../errors/error.ts';
import type { Client } from '../../client/client.ts';
import { serviceOf } from '../../domain/ids.ts';
import type { Run } from '../command.ts';

/** A key pressed in the shell starts no daemon and shows no error: without a daemon there are no words. */
export const run: Run = async (args, context) => {
  const kind = args.required('KIND');
  const found = kind === 'environment' ? environments(context.cwd) : wordsOf(kind, () => context.connect({ start: false }));
  const words = await found.catch((error: unknown) => {
    if (error instanceof KilnError) return [];
    throw error;
  });
  return { document: { words }, lines: words };
};

/** Of the folder that the shell is in. */
async function environments(folder: string): Promise<readonly string[]> {
  const { loadSpec } = await import('../../spec/load.ts');
  return Object.keys((await loadSpec(folder)).environments).toSorted();
}

async function wordsOf(kind: string, connect: () => Promise<Client>): Promise<readonly string[]> {
  const client = await connect();
  if (kind === 'service' || kind === 'instance' || kind === 'release') {
    const { fleets } = await client.fleets();
    const services = [...new Set(fleets.map(({ fleet }) => serviceOf(fleet)))].toSorted();
    if (kind === 'service') return services;
    if (kind === 'instance') return [...services, ...fleets.flatMap(({ instances }) => instances.map(({ id }) => id)).toSorted()];
    const all = await Promise.all(fleets.map(({ fleet }) => client.releases({ service: fleet })));
    return [...new Set(all.flatMap(({ releases }) => releases.map(({ number }) => `r${number}`)))];
  }
  if (kind === 'channel') {
    const { channels } = await client.channels();
    return channels.map(({ service, channel }) => `${service}.${channel}`);
  }
  const { images } = await client.images();
  return images.flatMap(({ digest, tags }) => (tags.length === 0 ? [hexOf(digest).slice(0, 12)] : tags)).toSorted();
}
