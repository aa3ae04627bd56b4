/** What gates found, as text. */
import type { GateReportBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { cut, wrapped } from './table.ts';

type Finding = GateReportBody['findings'][number];

const INDENT = '      ';
/** So many of one gate are shown; --json has all. */
const SHOWN = 20;
/** So many that keep nothing from being published. */
const NOTED = 5;

/**
 * `bake`: what keeps the image from being published with all that is to be known about it, and a line for each of what is below
 * the threshold; `all`: each gate, and all that it found.
 */
export function gateLines(
  reports: readonly GateReportBody[],
  terminal: Terminal,
  which: 'bake' | 'all' = 'bake',
): readonly string[] {
  return reports.flatMap((report) => {
    const blocking = which === 'all' ? report.findings : report.findings.filter(({ blocks }) => blocks);
    const noted = which === 'all' ? [] : report.findings.filter(({ blocks, waiver }) => !blocks && waiver === null);
    if (which === 'bake' && report.verdict !== 'fail' && noted.length === 0) return [];
    return [
      `gate ${report.gate} ${verdictText(report, terminal)}   ${harmless(report.why)}`,
      ...blocking.slice(0, SHOWN).flatMap((finding) => findingLines(finding, terminal)),
      ...more(blocking.length - SHOWN, '--json lists all'),
      ...noted.slice(0, NOTED).map((finding) => cut(`  · ${titleOf(finding)}: ${harmless(finding.what)}`, terminal.columns)),
      ...more(noted.length - NOTED, '`kiln image IMAGE` lists all'),
    ];
  });
}

const more = (count: number, where: string): readonly string[] => (count > 0 ? [`  and ${count} more; ${where}`] : []);

function verdictText({ verdict }: GateReportBody, terminal: Terminal): string {
  if (verdict === 'skipped') return 'was skipped';
  return verdict === 'pass' ? terminal.paint('green', 'passed') : terminal.paint('red', 'failed');
}

function titleOf({ where: { path, line }, severity, rule }: Finding): string {
  const place = path === null ? '' : ` at ${path}${line === undefined ? '' : `:${line}`}`;
  return harmless(`${severity} ${rule}${place}`);
}

function findingLines(finding: Finding, terminal: Terminal): readonly string[] {
  const mark = finding.blocks ? terminal.paint('red', '✗') : '·';
  const { waiver } = finding;
  return [
    `  ${mark} ${titleOf(finding)}`,
    ...wrapped(harmless(finding.what), terminal.columns, INDENT),
    ...wrapped(
      harmless(waiver === null ? `fix: ${finding.fix}` : `waived until ${waiver.until}: ${waiver.reason}`),
      terminal.columns,
      INDENT,
    ),
    ...(finding.blocks ? [`${INDENT}finding ${finding.fingerprint}`] : []),
  ];
}
