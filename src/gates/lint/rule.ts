/** What a rule of the recipe's lint is. */
import type { Severity } from '../../domain/gate.ts';
import type { GateSubject } from '../contract.ts';

/** One place where a rule is broken. `key` makes it this one and no other, over bakes. */
export interface Breach {
  readonly key: string;
  readonly what: string;
  /** As `Finding.where.path`. Default: null. */
  readonly path?: string;
  readonly line?: number;
}

export interface Rule {
  /** Kebab-case, never reused for another meaning. */
  readonly id: string;
  readonly severity: Severity;
  /** Why it matters, in one sentence. */
  readonly why: string;
  /** What to do instead. */
  readonly fix: string;
  readonly breaches: (subject: GateSubject) => readonly Breach[];
}
