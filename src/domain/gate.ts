/** The words that gates, kiln.yaml, the API and the CLI share. */

/** In the order in which they run. */
export const GATE_NAMES = ['lint', 'secrets', 'sbom', 'vulnerabilities', 'test'] as const;
export type GateName = (typeof GATE_NAMES)[number];

/** The least grave first. */
export const SEVERITIES = ['note', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const VERDICTS = ['pass', 'fail', 'skipped'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** From which severity on a finding fails its gate; `never`: it is only told. */
export type Threshold = Severity | 'never';

export interface VulnerabilityPolicy {
  /** Files and folders, absolute, or addresses; empty: those of KILN_HOME. */
  readonly sources: readonly string[];
  /** Whether a vulnerability that nobody has mended yet fails the gate, or is told. */
  readonly unfixed: 'fail' | 'tell';
  /** Data older than this is said to be old. */
  readonly maxAgeMs: number;
}

/** `image.gates` of kiln.yaml, defaults filled in. */
export interface GatePolicy {
  readonly failAt: Readonly<Record<GateName, Threshold>>;
  readonly vulnerabilities: VulnerabilityPolicy;
}

export const isAtLeast = (severity: Severity, threshold: Threshold): boolean =>
  threshold !== 'never' && SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(threshold);
