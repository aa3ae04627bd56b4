/** Runs gates over one image, in order. */
import { KilnError } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { Gate, GateEvent, GateReport, GateResult, GateSubject } from './contract.ts';
import { noteUnused, waive } from './waive.ts';

export interface GatesResult {
  /** `pass`: no gate failed. */
  readonly verdict: 'pass' | 'fail';
  /** One for each gate, in order. */
  readonly reports: readonly GateReport[];
}

export interface GateWatch {
  readonly clock: Clock;
  readonly onEvent: (event: GateEvent) => void;
}

/** A failing gate does not stop the later ones from reporting, but those that need it. Throws the signal's reason. */
export async function runGates(gates: readonly Gate[], subject: GateSubject, watch: GateWatch): Promise<GatesResult> {
  const reports: GateReport[] = [];
  for (const gate of gates) reports.push(await runGate(gate, subject, reports, watch));
  const verdict = reports.some((report) => report.verdict === 'fail') ? 'fail' : 'pass';
  return { verdict, reports: noteUnused(reports, subject) };
}

async function runGate(
  gate: Gate,
  subject: GateSubject,
  earlier: readonly GateReport[],
  { clock, onEvent }: GateWatch,
): Promise<GateReport> {
  subject.signal.throwIfAborted();
  onEvent({ kind: 'gate.started', gate: gate.name });
  const startedAt = clock.now();
  const judged = lackOf(gate, earlier) ?? (await judge(gate, subject, earlier));
  const report = { gate: gate.name, ...judged, ms: clock.now() - startedAt };
  const { verdict, why, findings, ms } = report;
  onEvent({ kind: 'gate.done', gate: gate.name, verdict, why, findings: findings.length, ms });
  return report;
}

type Judged = Omit<GateReport, 'gate' | 'ms'>;

/** A gate that found something has done its work; one without a result has not. */
function lackOf({ needs = [] }: Gate, earlier: readonly GateReport[]): Judged | null {
  const lacking = needs.find((name) => {
    const report = earlier.find(({ gate }) => gate === name);
    return report === undefined || report.verdict === 'skipped' || (report.verdict === 'fail' && report.findings.length === 0);
  });
  if (lacking === undefined) return null;
  return { verdict: 'skipped', why: `it needs ${lacking}, which has no result`, findings: [], predicates: [] };
}

async function judge(gate: Gate, subject: GateSubject, earlier: readonly GateReport[]): Promise<Judged> {
  try {
    const { skipped = false, ...result }: GateResult = await gate.run(subject, earlier);
    const findings = waive(result.findings, subject.waivers, subject.now);
    const verdict = findings.some(({ blocks }) => blocks) ? 'fail' : skipped ? 'skipped' : 'pass';
    return { ...result, findings, verdict };
  } catch (error) {
    subject.signal.throwIfAborted();
    if (!(error instanceof KilnError)) throw error;
    return { verdict: 'fail', why: `${error.message}; ${error.hint}`, findings: [], predicates: [] };
  }
}
