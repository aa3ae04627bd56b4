/** What gates found, as text. */
import type { GateReportBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { wrapped } from './table.ts';

type Finding = GateReportBody['findings'][number];

const INDENT = '      ';
/** So many of one gate are shown; --json has all. */
const SHOWN = 20;

/** `blocking`: only what keeps the image from being published; `all`: each gate, and all that it found. */
export function gateLines(
  reports: readonly GateReportBody[],
  terminal: Terminal,
  which: 'blocking' | 'all' = 'blocking',
): readonly string[] {
  const shown = which === 'all' ? reports : reports.filter(({ verdict }) => verdict === 'fail');
  return shown.flatMap((report) => {
    const findings = which === 'all' ? report.findings : report.findings.filter(({ blocks }) => blocks);
    const more = findings.length - SHOWN;
    return [
      `gate ${report.gate} ${verdictText(report, terminal)}   ${harmless(report.why)}`,
      ...findings.slice(0, SHOWN).flatMap((finding) => findingLines(finding, terminal)),
      ...(more > 0 ? [`  and ${more} more; --json lists all`] : []),
    ];
  });
}

function verdictText({ verdict }: GateReportBody, terminal: Terminal): string {
  if (verdict === 'skipped') return 'was skipped';
  return verdict === 'pass' ? terminal.paint('green', 'passed') : terminal.paint('red', 'failed');
}

function findingLines(finding: Finding, terminal: Terminal): readonly string[] {
  const { path, line } = finding.where;
  const place = path === null ? '' : ` at ${path}${line === undefined ? '' : `:${line}`}`;
  const mark = finding.blocks ? terminal.paint('red', '✗') : '·';
  const { waiver } = finding;
  return [
    `  ${mark} ${harmless(`${finding.severity} ${finding.rule}${place}`)}`,
    ...wrapped(harmless(finding.what), terminal.columns, INDENT),
    ...wrapped(
      harmless(waiver === null ? `fix: ${finding.fix}` : `waived until ${waiver.until}: ${waiver.reason}`),
      terminal.columns,
      INDENT,
    ),
    ...(finding.blocks ? [`${INDENT}finding ${finding.fingerprint}`] : []),
  ];
}
