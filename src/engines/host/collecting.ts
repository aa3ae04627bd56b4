/** What ships logs asks of whatever collects them. */
import type { LogLine } from './log-lines.ts';

export interface Collector {
  /** Throws for what may work later; what of the lines is lost for good, and why; null when all is taken. */
  send(lines: readonly LogLine[], signal: AbortSignal): Promise<string | null>;
  close(): void;
}
