/** Bases and cascades as text. */
import type { AnswerOf } from '../../client/client.ts';
import { shortDigest } from '../../domain/digest.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { age, counted, duration } from './amounts.ts';
import { table } from './table.ts';

type Result = AnswerOf<'cascade'>['results'][number];

export function basesLines(answer: AnswerOf<'bases'>, terminal: Terminal, now: number): readonly string[] {
  const { bases, unanswered } = answer;
  if (bases.length === 0) return ['Nothing was baked on a base here. Next: kiln bake DIR'];
  const rows = bases.map((base) => [harmless(base.name), shortDigest(base.digest), newsOf(base), base.services.join(', ')]);
  const columns = [
    { title: 'BASE', flexible: true as const },
    { title: 'BUILT ON' },
    { title: 'NOW' },
    { title: 'SERVICES', flexible: true as const },
  ];
  const moved = bases.filter((base) => base.moved).length;
  return [
    ...table(columns, rows, terminal.columns),
    ...unanswered.map((name) => `  ${terminal.paint('yellow', '●')} ${harmless(name)}: no answer`),
    askedText(answer, now),
    ...(moved === 0 ? [] : [`${counted(moved, 'base')} moved. Next: kiln cascade --all --plan`]),
  ];
}

function newsOf({ digest, newest, packages }: AnswerOf<'bases'>['bases'][number]): string {
  const image = newest === null ? '' : newest === digest ? 'the same' : shortDigest(newest);
  if (packages.length === 0) return image;
  const newer = counted(packages.length, 'newer package');
  return image === '' || image === 'the same' ? newer : `${image}, ${newer}`;
}

function askedText({ checkedAt, watch }: AnswerOf<'bases'>, now: number): string {
  const asked = checkedAt === null ? 'Nobody was asked since the daemon started' : `Asked ${age(checkedAt, now)}`;
  const next = watch === null ? 'kiln bases --check asks now' : `asked every ${duration(watch.everyMs)}`;
  return `${asked}; ${next}${watch?.cascades === true ? ', and what stands on what moved is made again' : ''}.`;
}

export function planLines({ steps }: AnswerOf<'planCascade'>, terminal: Terminal): readonly string[] {
  if (steps.length === 0) return ['Nothing that was baked here stands on it.'];
  const rows = steps.map(({ service, image, channels, stuck }, index) => [
    String(index + 1),
    service,
    shortDigest(image),
    stuck === null ? channels.join(', ') : harmless(stuck),
  ]);
  const columns = [
    { title: '', align: 'right' as const },
    { title: 'SERVICE' },
    { title: 'IMAGE' },
    { title: 'CHANNELS', flexible: true as const },
  ];
  return [...table(columns, rows, terminal.columns), 'Nothing was changed. Without --plan these are made again, in this order.'];
}

const MARKS = {
  made: ['green', '✓'],
  unchanged: ['dim', '○'],
  failed: ['red', '✗'],
  stuck: ['yellow', '●'],
  skipped: ['dim', '○'],
} as const;

export function resultLine({ key, outcome, image, why, moved }: Result, { paint }: Terminal): string {
  const [colour, mark] = MARKS[outcome];
  const service = key.split('\n')[1] ?? key;
  const to = image === null ? '' : `   image ${shortDigest(image)}`;
  const held = moved.length === 0 ? '' : `   held by ${moved.join(', ')}`;
  return `  ${paint(colour, mark)} ${service}   ${outcome}${to}${held}${why === '' ? '' : `   ${harmless(why)}`}`;
}

export function resultsLines({ steps, results }: AnswerOf<'cascade'>): readonly string[] {
  if (steps.length === 0) return ['Nothing that was baked here stands on it, or nothing has moved.'];
  const made = results.filter(({ outcome }) => outcome === 'made').length;
  const failed = results.filter(({ outcome }) => outcome !== 'made' && outcome !== 'unchanged').length;
  return [
    `${counted(made, 'image')} made again${failed === 0 ? '' : `, ${failed} not`}.`,
    ...(made === 0 ? [] : ['  commit the kiln.lock files that moved']),
  ];
}
