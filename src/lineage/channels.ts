/** Moving channels: a request in, the event that it comes to out, or a KilnError that says why not. Pure. */
import { shortDigest, type Digest } from '../domain/digest.ts';
import { isName, type ServiceName } from '../domain/ids.ts';
import { whyRevoked } from '../domain/revocation.ts';
import { KilnError } from '../errors/error.ts';
import type { ChannelMove, LineageEvent } from './events.ts';
import { channelKey, revocationAt, type Channel, type LineageState } from './state.ts';

export interface MoveRequest {
  readonly service: ServiceName;
  readonly channel: string;
  readonly image: Digest;
  readonly how: ChannelMove;
  readonly by: string;
  readonly why: string;
  /** The channel's policy does not hold this time; the history says so. A revoked image is not let through. */
  readonly breakGlass: boolean;
}

type Moved = Extract<LineageEvent, { kind: 'channel.set' }>;

/** Null: it holds the image already. Throws CHANNEL_REFUSED, IMAGE_REVOKED, USAGE. */
export function decideMove(state: LineageState, request: MoveRequest, now: number): Moved | null {
  const { service, channel, image, how, by, why, breakGlass } = request;
  requireName(channel);
  const revocation = revocationAt(state, image, now);
  if (revocation !== null) {
    throw new KilnError('IMAGE_REVOKED', `image ${shortDigest(image)} was ${whyRevoked(revocation)}`, {
      hint: 'bake another image and set the channel to that',
    });
  }
  if (state.channels.get(channelKey(service, channel))?.image === image) return null;
  const refusal = refusalOf(state, request, now);
  if (refusal !== null && !breakGlass) throw refused(request, refusal);
  return { kind: 'channel.set', service, channel, image, how, by, why, overruled: refusal };
}

/** Why the channel's policy does not take the image now; null: it does. */
function refusalOf(state: LineageState, { service, channel, image }: MoveRequest, now: number): string | null {
  const policy = policyOf(state, service, channel);
  if (policy === null || policy.after === null) return null;
  const before = state.channels.get(channelKey(service, policy.after));
  const stayedMs = before === undefined ? null : longestStay(before, image, now);
  if (stayedMs === null) return `it takes only what was in ${policy.after} before`;
  if (stayedMs >= policy.soakMs) return null;
  return `it takes only what was in ${policy.after} for ${minutes(policy.soakMs)}, and this was there for ${minutes(stayedMs)}`;
}

export const policyOf = (
  state: LineageState,
  service: ServiceName,
  channel: string,
): { readonly after: string | null; readonly soakMs: number } | null => {
  const policies = state.policies.get(service) ?? {};
  return Object.hasOwn(policies, channel) ? (policies[channel] ?? null) : null;
};

/** The longest time without a break that the channel held the image, ms; null: never. */
function longestStay({ history }: Channel, image: Digest, now: number): number | null {
  const stays = history.flatMap((move, index) => {
    if (move.image !== image) return [];
    const left = history.slice(index + 1).find((later) => later.image !== image);
    return [(left?.at ?? now) - move.at];
  });
  return stays.length === 0 ? null : Math.max(...stays);
}

/** Back to the newest image before that may start and is still there. Throws NO_WAY_BACK. */
export function decideRollback(
  state: LineageState,
  channel: Channel,
  request: { readonly isThere: (image: Digest) => boolean; readonly by: string; readonly why: string; readonly now: number },
): Moved {
  const { isThere, by, why, now } = request;
  const image = channel.trail.findLast((each) => isThere(each) && revocationAt(state, each, now) === null);
  if (image !== undefined) {
    const { service, name } = channel;
    return { kind: 'channel.set', service, channel: name, image, how: 'rollback', by, why, overruled: null };
  }
  throw new KilnError('NO_WAY_BACK', `${keyOf(channel)} held no image before that is still there and not revoked`, {
    hint: '`kiln channel history` lists what it held; set it to an image that is there',
  });
}

/** `web.production`, or `production` where one service alone has a channel of that name. Throws NOT_FOUND, USAGE. */
export function findChannel(state: LineageState, name: string): Channel {
  const known = [...state.channels.values()];
  const meant = known.filter((channel) => keyOf(channel) === name || channel.name === name);
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  if (only !== undefined) {
    throw new KilnError('USAGE', `several services have a channel "${name}": ${meant.map(keyOf).join(', ')}`, {
      hint: `name one: ${keyOf(only)}`,
    });
  }
  const all = known.map(keyOf).join(', ');
  throw new KilnError('NOT_FOUND', `no channel "${name}" holds an image`, {
    hint: all === '' ? 'set one with `kiln channel set CHANNEL IMAGE`, or bake with --channel' : `there are ${all}`,
  });
}

export const keyOf = ({ service, name }: Pick<Channel, 'service' | 'name'>): string => channelKey(service, name);

/** The channels that hold the image, as `web.production`. */
export const channelsOf = (state: LineageState, image: Digest): readonly string[] =>
  [...state.channels.values()].filter((channel) => channel.image === image).map(keyOf);

function requireName(channel: string): void {
  if (isName(channel)) return;
  throw new KilnError('USAGE', `"${channel}" cannot be the name of a channel`, {
    hint: 'a name is a lower-case letter, then letters, digits and hyphens, at most 31 characters, such as production',
  });
}

const refused = ({ service, channel, image }: MoveRequest, why: string): KilnError =>
  new KilnError('CHANNEL_REFUSED', `${channelKey(service, channel)} does not take image ${shortDigest(image)}: ${why}`, {
    hint: 'set the channel before it first; or overrule the policy, for all to see, with --break-glass and a --reason',
  });

const minutes = (ms: number): string => (ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} m`);
