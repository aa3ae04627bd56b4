/** What every source answers. */
import type { Patience } from '../ask.ts';

export interface Found {
  readonly bytes: Buffer;
  /** What the source calls this version; null: it has no versions. */
  readonly version: string | null;
}

/**
 * Reads only. Throws SOURCE_UNREACHABLE, SOURCE_DENIED and, for an answer that is none, the former; no error has a value or a
 * credential in it.
 */
export interface Source {
  /** Null: nothing has that name. */
  newest(path: string, patience: Patience): Promise<Found | null>;
  /** Null: the source does not have that version any more. One without versions answers what it has. */
  at(path: string, version: string | null, patience: Patience): Promise<Found | null>;
}
