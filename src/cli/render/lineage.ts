/** Channels, revocations and lineage as text. */
import type { AnswerOf, ChannelBody, LineageAnswer, RevokingBody } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import { whyRevoked } from '../../domain/revocation.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { age, counted, duration, moment } from './amounts.ts';
import { table } from './table.ts';

type Revocation = RevokingBody['revocations'][number];
type Relative = LineageAnswer['ancestors'][number];

export const channelName = ({ service, channel }: Pick<ChannelBody, 'service' | 'channel'>): string => `${service}.${channel}`;

export function channelsLines(channels: readonly ChannelBody[], now: number, terminal: Terminal): readonly string[] {
  if (channels.length === 0) return ['No channel holds an image. Next: kiln channel set CHANNEL IMAGE'];
  const rows = channels.map((channel) => [
    channelName(channel),
    shortDigest(channel.image),
    channel.tags.join(', '),
    age(channel.last.at, now),
    harmless(channel.last.by),
    channel.revoked === null ? '' : revocationText(channel.revoked, now),
  ]);
  const titles = ['CHANNEL', 'IMAGE', 'TAGS', 'SINCE', 'BY', ''];
  return table(
    titles.map((title) => (title === 'TAGS' || title === '' ? { title, flexible: true } : { title })),
    rows,
    terminal.columns,
  );
}

export function channelLines(channel: ChannelBody, now: number): readonly string[] {
  const { image, tags, last, policy, revoked, fleets, service } = channel;
  const others = fleets.filter(({ current }) => !current);
  return [
    `${channelName(channel)} holds image ${shortDigest(image)}${tags.length === 0 ? '' : ` (${tags.join(', ')})`}`,
    `  ${image}`,
    `  ${moveText(last)} ${age(last.at, now)}`,
    ...(revoked === null ? [] : [`  ✗ ${revocationText(revoked, now)}`]),
    ...(policy?.after == null
      ? []
      : [`  takes only what was in ${policy.after}${policy.soakMs === 0 ? '' : ` for ${duration(policy.soakMs)}`}`]),
    ...others.map(({ fleet, image: other }) => `  ${fleet} serves ${shortDigest(other)}`),
    ...(others.length === 0
      ? []
      : [`  next: kiln deploy DIR --env ENV, for an environment of ${service} with channel: ${channel.channel}`]),
  ];
}

export function movesLines({ moves }: AnswerOf<'channelHistory'>, terminal: Terminal): readonly string[] {
  const rows = moves.map((move) => [String(move.seq), moment(move.at), shortDigest(move.image), moveText(move)]);
  const columns = [
    { title: 'ENTRY', align: 'right' as const },
    { title: 'WHEN' },
    { title: 'IMAGE' },
    { title: 'HOW', flexible: true as const },
  ];
  return table(columns, rows, terminal.columns);
}

function moveText({ how, by, why, overruled }: ChannelBody['last']): string {
  const glass = overruled === null ? '' : `; glass broken: ${overruled}`;
  return harmless(`${how} by ${by}${why === '' ? '' : `: ${why}`}${glass}`);
}

export function revocationText(revocation: Revocation, now: number): string {
  const { since, through } = revocation;
  const when = since > now ? ` (in force in ${duration(since - now)})` : '';
  const with_ = through === null ? '' : `, with its ancestor ${shortDigest(through)}`;
  return harmless(`${whyRevoked(revocation)}${with_}${when}`);
}

export function revokingLines(
  { revocations, running, channels }: RevokingBody,
  now: number,
  terminal: Terminal,
): readonly string[] {
  const head = revocations.length === 0 ? ['All of it was revoked already.'] : [revokedText(revocations, now)];
  return [
    ...head,
    ...revocations.map((each) => `  ${shortDigest(each.image)}   ${revocationText(each, now)}`),
    ...(channels.length === 0 ? [] : [`  held by ${channels.join(', ')}: kiln channel rollback CHANNEL`]),
    ...running.map(({ fleet, release, instances, replaced }) => {
      const mark = replaced ? terminal.paint('yellow', '●') : terminal.paint('red', '✗');
      const then = replaced ? 'leaves it by itself' : `goes on until replaced: kiln rollback ${fleet}, or deploy another image`;
      return `  ${mark} ${fleet} runs ${counted(instances, 'instance')} of it in r${release}, and ${then}`;
    }),
  ];
}

/** Those that one command revokes are in force from the same moment on. */
function revokedText(revocations: readonly Revocation[], now: number): string {
  const [what, them] = [counted(revocations.length, 'image'), revocations.length === 1 ? 'it' : 'them'];
  const since = revocations[0]?.since ?? now;
  if (since <= now) return `${what} revoked: nothing of ${them} starts any more`;
  return `${what} revoked from ${moment(since)} on, in ${duration(since - now)}: nothing of ${them} starts from then on`;
}

export function lineageLines(lineage: LineageAnswer, now: number, terminal: Terminal): readonly string[] {
  const { image, tags, service, revision, folder, revoked, channels, ancestors, descendants } = lineage;
  const facts: readonly (readonly [string, string | null])[] = [
    ['tags', tags.join(', ')],
    ['service', service],
    ['revision', revision],
    ['baked in', folder],
    ['channels', channels.join(', ')],
    ['revoked', revoked === null ? null : revocationText(revoked, now)],
  ];
  const shown = facts.filter(([, value]) => value !== null && value !== '');
  return [
    terminal.paint('bold', image),
    ...shown.map(([name, value]) => `  ${name.padEnd(8)}   ${harmless(value ?? '')}`),
    ...relativesLines('ANCESTORS', ancestors, now, terminal),
    ...relativesLines('DESCENDANTS', descendants, now, terminal),
  ];
}

/** Indented by how far away they are. */
function relativesLines(title: string, relatives: readonly Relative[], now: number, terminal: Terminal): readonly string[] {
  if (relatives.length === 0) return ['', `${title}: none`];
  const rows = relatives.map(({ image, name, tags, level, known, channels, revoked }) => [
    `${'  '.repeat(level - 1)}${shortDigest(image)}`,
    harmless(tags.length > 0 ? tags.join(', ') : name),
    [known ? '' : 'not in the store', channels.join(', '), revoked === null ? '' : revocationText(revoked, now)]
      .filter((part) => part !== '')
      .join('; '),
  ]);
  const columns = [{ title }, { title: 'NAME', flexible: true as const }, { title: '', flexible: true as const }];
  return ['', ...table(columns, rows, terminal.columns)];
}
