/** The verbs of channels: what they hold, moving them, and their history. */
import type { ChannelBody, Handlers } from '../api/schema.ts';
import type { Digest } from '../domain/digest.ts';
import { isServiceName, serviceOf, type ServiceName } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import { decideMove, decideRollback, findChannel, keyOf, policyOf, type MoveRequest } from '../lineage/channels.ts';
import { lineageEntry } from '../lineage/events.ts';
import { channelKey, type Channel } from '../lineage/state.ts';
import { resolveImage } from './names.ts';
import type { Parts } from './parts.ts';
import { requirePublishable } from './publishable.ts';

type ChannelVerbs = Pick<Handlers, 'channels' | 'channel' | 'channelHistory' | 'setChannel' | 'rollbackChannel'>;

export function channelVerbs(parts: Parts): ChannelVerbs {
  const { lineage, images } = parts;
  return {
    async channels() {
      const all = [...lineage.state.channels.values()].toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
      return { channels: await Promise.all(all.map((channel) => channelBody(parts, channel))) };
    },
    channel: async ({ channel }) => channelBody(parts, findChannel(lineage.state, channel)),
    async channelHistory({ channel }) {
      const { service, name, history } = findChannel(lineage.state, channel);
      return { service, channel: name, moves: history };
    },
    async setChannel({ channel, image: reference, service, reason: why, breakGlass, by }) {
      if (breakGlass && why === '') throw glassNeedsReason();
      const image = await resolveImage(parts, reference);
      await requirePublishable(parts, image, 'is taken by no channel');
      const named = await nameOf(parts, channel, image, service);
      const moved = moveChannel(parts, { ...named, image, how: 'set', by, why, breakGlass });
      return { channel: await channelBody(parts, findChannel(lineage.state, channelKey(named.service, named.channel))), moved };
    },
    async rollbackChannel({ channel, reason: why, by }) {
      const found = findChannel(lineage.state, channel);
      const there = new Set((await images.list()).map(({ digest }) => digest));
      const now = parts.clock.now();
      const event = decideRollback(lineage.state, found, { isThere: (image) => there.has(image), by, why, now });
      parts.journal.append([lineageEntry(event)]);
      return channelBody(parts, findChannel(lineage.state, keyOf(found)));
    },
  };
}

/** True where it moved; false where it held the image already. Throws what decideMove does. */
export function moveChannel({ lineage, journal, clock }: Parts, request: MoveRequest): boolean {
  const event = decideMove(lineage.state, request, clock.now());
  if (event === null) return false;
  journal.append([lineageEntry(event)]);
  return true;
}

/** `web.production` names both; of `production` the image says the service, unless somebody does. */
async function nameOf(
  { graph }: Parts,
  channel: string,
  image: Digest,
  given: string | undefined,
): Promise<{ readonly service: ServiceName; readonly channel: string }> {
  const dot = channel.indexOf('.');
  const [first, name] = dot === -1 ? [undefined, channel] : [channel.slice(0, dot), channel.slice(dot + 1)];
  const { title } = await graph.origin(image);
  const service = first ?? given ?? title ?? '';
  if (!isServiceName(service)) {
    throw new KilnError('USAGE', `the image does not say of which service it is${title === null ? '' : ` ("${title}")`}`, {
      hint: `name the service: SERVICE.${name}, or --service SERVICE`,
    });
  }
  // A slip would put one service's image into the production of another.
  if (title !== null && isServiceName(title) && title !== service) {
    throw new KilnError('CHANNEL_REFUSED', `the image is of the service ${title}, and the channel is of ${service}`, {
      hint: `name the channel ${title}.${name}, or an image of ${service}`,
    });
  }
  return { service, channel: name };
}

async function channelBody({ lineage, images, fleets }: Parts, channel: Channel): Promise<ChannelBody> {
  const { service, name, image, history } = channel;
  const [last] = history.slice(-1);
  if (last === undefined) throw new RangeError(`the channel ${keyOf(channel)} has no history`);
  const running = fleets.list().flatMap((fleet) => {
    const { serving, releases } = fleets.state(fleet);
    const serves = serving === null ? undefined : releases[serving - 1]?.content.image;
    return serviceOf(fleet) === service && serves !== undefined ? [{ fleet, image: serves, current: serves === image }] : [];
  });
  return {
    service,
    channel: name,
    image,
    tags: (await images.list()).find(({ digest }) => digest === image)?.tags ?? [],
    last,
    policy: policyOf(lineage.state, service, name),
    revoked: lineage.state.revocations.get(image) ?? null,
    fleets: running,
  };
}

const glassNeedsReason = (): KilnError =>
  new KilnError('USAGE', '--break-glass overrules the policy, and nobody said why', { hint: 'say why, with --reason TEXT' });
