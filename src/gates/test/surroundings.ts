/** What a test has to do with. */
import type { Inside } from '../../engines/inside.ts';
import type { Clock } from '../../platform/clock.ts';

export interface Surroundings {
  readonly inside: Inside;
  /** Of the service; null: it has none. */
  readonly port: number | null;
  /** The recipe's. */
  readonly folder: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}
