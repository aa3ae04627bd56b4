/** Images as text. */
import { shortDigest, type Digest } from '../../domain/digest.ts';
import type { GcPlanBody, ImageBody, StoredImageBody } from '../../client/client.ts';
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

export function gcLines(plan: GcPlanBody, done: boolean): readonly string[] {
  if (plan.unreadable.length > 0) {
    const damaged = plan.unreadable.map(shortDigest).join(', ');
    return [
      `Nothing is deleted: ${damaged} cannot be read, so what it needs is not known.`,
      '  Bake or pull it again (`kiln images` says what is damaged), then collect again.',
    ];
  }
  if (plan.images.length === 0 && plan.blobs === 0) {
    return ['Nothing to delete: all that is stored runs, has a tag, or can be rolled back to.'];
  }
  const images = plan.images.map((image) => `  ${shortDigest(image.digest)}   ${image.tags.join(', ')}`.trimEnd());
  const what = `${counted(plan.images.length, 'image')} and ${counted(plan.blobs, 'blob')}, ${bytes(plan.bytes)}`;
  return done ? [`Deleted ${what}.`, ...images] : [`Would delete ${what}:`, ...images, 'Next: kiln gc'];
}
