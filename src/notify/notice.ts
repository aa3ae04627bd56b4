/**
 * Telling people what happens to fleets: which entries of the journal are worth a word, to whom they go, and that each
 * arrives. This folder watches; it decides nothing, and nothing waits for it.
 */

/** What a receiver can ask for. `approval`: somebody has to approve. `line-stopped`: of waves. */
export const NOTICE_KINDS = ['started', 'done', 'rolled-back', 'attention', 'approval', 'line-stopped', 'glass-broken'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

export interface Notice {
  /** Of the entry that it tells of: in the order of the history, and the same however often it is sent. */
  readonly seq: number;
  /** Ms since the epoch. */
  readonly at: number;
  readonly kind: NoticeKind;
  /** Null: of no one service. */
  readonly service: string | null;
  readonly environment: string;
  /** What it is about, one line. */
  readonly text: string;
  /** What is known besides, for programs. */
  readonly facts: Readonly<Record<string, string | number | null>>;
}

/** Told where a receiver does not say: what ends, what needs somebody. */
export const DEFAULT_KINDS: readonly NoticeKind[] = [
  'done',
  'rolled-back',
  'attention',
  'approval',
  'line-stopped',
  'glass-broken',
];
