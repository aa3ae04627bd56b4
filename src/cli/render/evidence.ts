/** Evidence as text. */
import { shortDigest } from '../../domain/digest.ts';
import type { EvidenceBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { age } from './amounts.ts';
import { table } from './table.ts';

export function evidenceLines(evidence: readonly EvidenceBody[], now: number, terminal: Terminal): readonly string[] {
  const rows = evidence.map((each) => [
    each.kind,
    shortDigest(each.artifact),
    signedBy(each),
    each.madeAt === null ? '' : age(each.madeAt, now),
    harmless(each.says),
  ]);
  const lines = table(
    [
      { title: 'EVIDENCE' },
      { title: 'ARTIFACT' },
      { title: 'SIGNED BY', flexible: true },
      { title: 'MADE' },
      { title: 'SAYS', flexible: true },
    ],
    rows,
    terminal.columns,
  );
  return lines.flatMap((line, index) => [line, ...troubleLine(evidence[index - 1], terminal)]);
}

function troubleLine(each: EvidenceBody | undefined, terminal: Terminal): readonly string[] {
  if (each === undefined || each.trouble === null) return [];
  return [`  ${terminal.paint('red', '✗')} counts for nothing: ${harmless(each.trouble)}`];
}

function signedBy({ signatures, signedBy: keys }: EvidenceBody): string {
  if (keys.length > 0) return keys.map(({ id, name }) => `${harmless(name)} (${id.slice(0, 8)})`).join(', ');
  return signatures === 0 ? 'nobody' : 'somebody unknown';
}
