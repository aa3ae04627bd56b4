/** Images as text. */
import { shortDigest, type Digest } from '../../domain/digest.ts';
import type { ImageBody, StoredImageBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { evidenceLines } from './evidence.ts';
import { age, bytes, counted } from './amounts.ts';
import { revocationText } from './lineage.ts';
import { gateLines } from './gates.ts';
import { table } from './table.ts';

export function imagesLines(images: readonly StoredImageBody[], now: number, terminal: Terminal): readonly string[] {
  if (images.length === 0) return ['The store holds no image. Next: kiln bake DIR'];
  const rows = images
    .toSorted((a, b) => b.storedAt - a.storedAt)
    .map((image) => [
      shortDigest(image.digest),
      namesOf(image, now),
      image.damage === null ? bytes(image.size) : 'damaged',
      age(image.storedAt, now),
    ]);
  const listed = table(
    [{ title: 'IMAGE' }, { title: 'TAGS', flexible: true }, { title: 'SIZE', align: 'right' }, { title: 'STORED' }],
    rows,
    terminal.columns,
  );
  const damaged = images.flatMap(({ digest, damage }) => (damage === null ? [] : damageLines(digest, damage, terminal)));
  return [...listed, ...damaged];
}

const damageLines = (digest: Digest, damage: string, { paint }: Terminal): readonly string[] => [
  `${paint('red', '✗')} ${shortDigest(digest)} is damaged: ${harmless(damage)}`,
  '    bake or pull it again: that puts back what is not whole',
];

/** Its tags, the channels that hold it, and whether it was revoked. */
const namesOf = ({ tags, channels, revoked }: StoredImageBody, now: number): string =>
  [
    ...tags,
    ...channels.map((channel) => `→ ${channel}`),
    ...(revoked === null ? [] : [`✗ ${revocationText(revoked, now)}`]),
  ].join(', ');

export function imageLines(image: ImageBody, now: number, terminal: Terminal): readonly string[] {
  const { config } = image;
  const facts: readonly (readonly [string, string])[] = [
    ['tags', image.tags.join(', ')],
    ['channels', image.channels.join(', ')],
    ['revoked', image.revoked === null ? '' : revocationText(image.revoked, now)],
    ['size', `${bytes(image.size)} in ${counted(image.layers.length, 'layer')}`],
    ['stored', age(image.storedAt, now)],
    ['user', config.user ?? 'root'],
    ['starts', [...config.entrypoint, ...config.command].join(' ')],
    ['in', config.workdir ?? '/'],
    ['ports', config.ports.join(', ')],
    ['env', config.env.join(' ')],
    ...Object.entries(config.labels).map(([name, value]) => [`label ${name}`, value] as const),
    ...Object.entries(image.annotations).map(([name, value]) => [name.replace('org.opencontainers.image.', ''), value] as const),
  ];
  const shown = facts.filter(([, value]) => value !== '');
  const indent = Math.max(...shown.map(([name]) => name.length));
  const layers = image.layers.map((layer) => [shortDigest(layer.digest), bytes(layer.size), harmless(layer.createdBy ?? '')]);
  return [
    terminal.paint('bold', image.digest),
    ...shown.map(([name, value]) => `  ${name.padEnd(indent)}   ${harmless(value)}`),
    '',
    ...table(
      [{ title: 'LAYER' }, { title: 'SIZE', align: 'right' }, { title: 'MADE BY', flexible: true }],
      layers,
      terminal.columns,
    ),
    ...(image.evidence.length === 0 ? [] : ['', ...evidenceLines(image.evidence, now, terminal)]),
    ...(image.gates.length === 0 ? [] : ['', ...gateLines(image.gates, terminal, 'all')]),
  ];
}
