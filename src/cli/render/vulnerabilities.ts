/** What is known to be wrong with an image, as text. */
import { shortDigest } from '../../domain/digest.ts';
import { SEVERITIES } from '../../domain/gate.ts';
import type { VulnerabilityReportBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { counted } from './amounts.ts';
import { table } from './table.ts';

type Found = VulnerabilityReportBody['vulnerabilities'][number];

export function vulnerabilityLines(report: VulnerabilityReportBody, terminal: Terminal): readonly string[] {
  const { digest, vulnerabilities, doubts } = report;
  const columns = [
    { title: 'SEVERITY' },
    { title: 'VULNERABILITY' },
    { title: 'PACKAGE', flexible: true },
    { title: 'INSTALLED', flexible: true },
    { title: 'FIXED IN', flexible: true },
  ] as const;
  return [
    `${shortDigest(digest)}   ${summaryOf(vulnerabilities)}   ${dataOf(report)}`,
    ...doubts.map((doubt) => terminal.paint('yellow', harmless(`  but ${doubt}`))),
    ...(vulnerabilities.length === 0 ? [] : ['', ...table(columns, vulnerabilities.map(rowOf), terminal.columns)]),
  ];
}

const rowOf = ({ severity, score, rated, id, name, installed, fixed, vex }: Found): readonly string[] => [
  vex?.status === 'harmless' ? 'no harm' : `${severity}${score === null ? (rated ? '' : '?') : ` ${score}`}`,
  harmless(id),
  harmless(name),
  harmless(installed),
  harmless(fixed ?? ''),
];

/** `41 vulnerabilities: 2 critical, 39 low`. */
function summaryOf(vulnerabilities: readonly Found[]): string {
  if (vulnerabilities.length === 0) return 'no known vulnerability';
  const counts = SEVERITIES.toReversed().map(
    (word) => [word, vulnerabilities.filter(({ severity }) => severity === word).length] as const,
  );
  const told = counts.filter(([, count]) => count > 0).map(([word, count]) => `${count} ${word}`);
  return `${vulnerabilities.length} known ${vulnerabilities.length === 1 ? 'vulnerability' : 'vulnerabilities'}: ${told.join(', ')}`;
}

function dataOf({ database, scanners }: VulnerabilityReportBody): string {
  const own =
    database === null
      ? []
      : [
          `${counted(database.records, 'record')}${database.newest === null ? '' : ` to ${new Date(database.newest).toISOString().slice(0, 10)}`}`,
        ];
  return `(${[...own, ...scanners].join(' and ')})`;
}
