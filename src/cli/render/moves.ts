/** What `kiln bake --update` moved in kiln.lock, as text. */
import type { BakeResultBody } from '../../client/client.ts';
import { harmless } from '../terminal.ts';
import { table } from './table.ts';

type Move = BakeResultBody['moved'][number];

/** A package that several sets have moves in each; it is told once. */
export function moveLines(moved: readonly Move[]): readonly string[] {
  if (moved.length === 0) return ['kiln.lock: nothing moved, the base and the packages are the newest'];
  const rows = moved.map(({ kind, name, from, to }) => [
    harmless(name),
    kind === 'base' ? short(from) : harmless(from ?? '(new)'),
    '→',
    kind === 'base' ? short(to) : harmless(to ?? '(gone)'),
  ]);
  const once = new Map(rows.map((row) => [row.join(' '), row]));
  const columns = [
    { title: 'kiln.lock', flexible: true },
    { title: 'from', flexible: true },
    { title: '' },
    { title: 'to', flexible: true },
  ] as const;
  return table(columns, [...once.values()]);
}

const short = (digest: string | null): string => (digest === null ? '(none)' : digest.replace('sha256:', '').slice(0, 12));
