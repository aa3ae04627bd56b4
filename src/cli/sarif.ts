/**
 * What gates found as SARIF 2.1.0 (OASIS, sarif-v2.1.0-os), which code hosts show beside the code. Files of the image have
 * paths relative to IMAGE, those of the recipe relative to SRCROOT. Pure.
 */
import type { GateReportBody } from '../client/client.ts';

type Finding = GateReportBody['findings'][number];

const LEVELS: Readonly<Record<Finding['severity'], 'error' | 'warning' | 'note'>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  note: 'note',
};
/** As GitHub grades them: CVSS bounds of the severity. */
const SCORES: Readonly<Record<Finding['severity'], string>> = {
  critical: '9.5',
  high: '8.0',
  medium: '5.5',
  low: '2.0',
  note: '0.0',
};

export function sarifOf(reports: readonly GateReportBody[], version: string): unknown {
  const findings = reports.flatMap((report) => report.findings);
  const rules = [...Map.groupBy(findings, ruleId).values()].flatMap((group) => group.slice(0, 1));
  const indexes = new Map(rules.map((finding, index) => [ruleId(finding), index]));
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'Kiln', version, rules: rules.map(ruleOf) } },
        columnKind: 'utf16CodeUnits',
        invocations: [
          { executionSuccessful: reports.every(({ verdict, findings: own }) => verdict !== 'fail' || own.length > 0) },
        ],
        results: findings.map((finding) => resultOf(finding, indexes.get(ruleId(finding)) ?? 0)),
      },
    ],
  };
}

const ruleId = ({ gate, rule }: Finding): string => `${gate}/${rule}`;

const ruleOf = (finding: Finding): unknown => ({
  id: ruleId(finding),
  help: { text: finding.fix },
  defaultConfiguration: { level: LEVELS[finding.severity] },
  properties: { tags: [finding.gate], 'security-severity': SCORES[finding.severity] },
});

const resultOf = (finding: Finding, ruleIndex: number): unknown => ({
  ruleId: ruleId(finding),
  ruleIndex,
  level: LEVELS[finding.severity],
  message: { text: `${printable(finding.what)}. ${printable(finding.fix)}.` },
  locations: [{ physicalLocation: placeOf(finding) }],
  partialFingerprints: { 'kiln/v1': finding.fingerprint },
  ...(finding.waiver === null
    ? {}
    : { suppressions: [{ kind: 'external', status: 'accepted', justification: printable(finding.waiver.reason) }] }),
});

/** What is nowhere is in kiln.yaml: viewers leave out a result without a place. */
function placeOf({ where: { path, line } }: Finding): unknown {
  const inImage = path?.startsWith('/') === true;
  const uri = (path ?? 'kiln.yaml').replace(/^\/+/, '').split('/').map(encoded).join('/');
  return {
    artifactLocation: { uri, uriBaseId: inImage ? 'IMAGE' : 'SRCROOT' },
    ...(line === undefined ? {} : { region: { startLine: line } }),
  };
}

/** A name may hold half a surrogate pair, which no URI can. */
const encoded = (part: string): string => encodeURIComponent(part.toWellFormed());

const printable = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '�')
    .replace(/\.$/, '');
