/** Waivers over findings. Pure. */
import { patternToRegExp } from '../bake/pattern.ts';
import { WAIVERS_FILE, type WaiverLine } from '../domain/waiver.ts';
import type { Finding, GateReport, GateSubject } from './contract.ts';
import { findingOf } from './finding.ts';

/** A waived finding blocks nothing. One whose waiver has expired says so, and blocks as if there were none. */
export const waive = (findings: readonly Finding[], waivers: readonly WaiverLine[], now: number): readonly Finding[] =>
  findings.map((finding) => {
    const fitting = waivers.filter((line) => fits(line, finding));
    const valid = fitting.find((line) => !isOver(line, now));
    if (valid !== undefined) return { ...finding, blocks: false, waiver: { reason: valid.reason, until: valid.until } };
    const [expired] = fitting;
    if (expired === undefined) return finding;
    return { ...finding, what: `${finding.what} (its waiver, "${expired.reason}", ended on ${expired.until})` };
  });

/** It holds to the end of its day, in UTC. */
const isOver = ({ until }: WaiverLine, now: number): boolean => now >= Date.parse(`${until}T00:00:00Z`) + 86_400_000;

/** Whether it names the finding, valid or not. */
export function fits({ finding, path }: WaiverLine, { fingerprint, rule, where }: Finding): boolean {
  if (finding !== fingerprint && finding !== rule) return false;
  if (path === null) return true;
  return where.path !== null && patternToRegExp(path.replace(/^\//, '')).test(where.path.replace(/^\//, ''));
}

/** Waivers that no finding needs any more, as notes of the first gate; they are dead letters, or misspelt. */
export function noteUnused(reports: readonly GateReport[], { waivers, policy }: GateSubject): readonly GateReport[] {
  const found = reports.flatMap(({ findings }) => findings);
  const unused = waivers
    .filter((line) => !found.some((finding) => fits(line, finding)))
    .map(({ finding, reason, line }) =>
      findingOf(
        {
          gate: 'lint',
          rule: 'unused-waiver',
          severity: 'note',
          what: `the waiver of ${finding} ("${reason}") fits no finding`,
          where: { path: WAIVERS_FILE, layer: null, line },
          fix: 'remove it; `kiln image IMAGE` lists findings with what names them',
        },
        [finding],
        policy,
      ),
    );
  return reports.map((report, index) => (index === 0 ? { ...report, findings: [...report.findings, ...unused] } : report));
}
