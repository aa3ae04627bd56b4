/** `kiln.waivers.yaml`: findings that are accepted, each for a reason and until a day. */

export interface WaiverLine {
  /** A finding's fingerprint, or a rule. */
  readonly finding: string;
  /** With a rule: only where the path fits. A glob over paths without their leading slash. */
  readonly path: string | null;
  readonly reason: string;
  /** The last day on which it holds, in UTC: `2027-01-31`. */
  readonly until: string;
  /** In the file, from 1. */
  readonly line: number;
}

export const WAIVERS_FILE = 'kiln.waivers.yaml';
