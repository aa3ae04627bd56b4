/** What gc does or would do, as text: each image, and why it stays or goes. */
import type { AnswerOf, GcPlanBody } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import type { Terminal } from '../terminal.ts';
import { bytes, counted, duration } from './amounts.ts';
import { table } from './table.ts';

export function gcLines(plan: GcPlanBody, done: boolean, now: number, terminal: Terminal): readonly string[] {
  if (plan.unreadable.length > 0) {
    const damaged = plan.unreadable.map(shortDigest).join(', ');
    return [
      `Nothing is deleted: ${damaged} cannot be read, so what it needs is not known.`,
      '  Bake or pull it again (`kiln images` says what is damaged), then collect again.',
    ];
  }
  return [...(done ? [] : verdictLines(plan, now, terminal)), ...summary(plan, done)];
}

function verdictLines(
  { images, stays, trash, deleted, trashMs }: GcPlanBody,
  now: number,
  terminal: Terminal,
): readonly string[] {
  const rows = [
    ...images.map(
      ({ digest, tags }) => ['goes', digest, tags, `nothing speaks for it: to the trash for ${duration(trashMs)}`] as const,
    ),
    ...deleted.map(({ image, tags }) => ['deleted', image, tags, 'its time in the trash is over'] as const),
    ...trash.map(({ image, tags, until }) => ['in trash', image, tags, `deleted in ${duration(until - now)}`] as const),
    ...stays.map(({ digest, tags, why }) => ['stays', digest, tags, why.join('; ')] as const),
  ].map(([verdict, image, tags, why]) => [verdict, shortDigest(image), tags.join(', '), why]);
  if (rows.length === 0) return [];
  const columns = [
    { title: '' },
    { title: 'IMAGE' },
    { title: 'TAGS', flexible: true as const },
    { title: 'WHY', flexible: true as const },
  ];
  return [...table(columns, rows, terminal.columns), ''];
}

function summary({ images, deleted, blobs, bytes: size, values }: GcPlanBody, done: boolean): readonly string[] {
  const freed = `${counted(deleted.length, 'image')} and ${counted(blobs, 'blob')}, ${bytes(size)}`;
  const moved = `${counted(images.length, 'image')} to the trash`;
  const parts = [
    ...(images.length === 0 ? [] : [moved]),
    ...(deleted.length + blobs === 0 ? [] : [`${freed} deleted for good`]),
    ...(values === 0 ? [] : [`${counted(values, 'sealed value')} of old releases deleted for good`]),
  ];
  if (parts.length === 0) return ['Nothing to do: `kiln gc --plan` says why each image stays.'];
  const undo = images.length === 0 ? [] : ['  next: `kiln gc --undo` puts them back'];
  return done ? [`${parts.join('; ')}.`, ...undo] : [`Would be done: ${parts.join('; ')}.`, '  next: kiln gc'];
}

export function restoredLines({ restored }: AnswerOf<'restore'>): readonly string[] {
  const lines = restored.map(({ image, tags }) => `  ${shortDigest(image)}   ${tags.join(', ')}`.trimEnd());
  return [`${counted(restored.length, 'image')} put back:`, ...lines];
}
