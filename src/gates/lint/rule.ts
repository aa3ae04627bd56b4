/** What a rule of the recipe's lint is, and what it looks at. */
import type { Severity } from '../../domain/gate.ts';
import type { GateSubject } from '../contract.ts';
import type { Contents } from './contents.ts';
import type { RecipeView } from './recipe-view.ts';

export interface LintSubject extends Pick<GateSubject, 'image' | 'probe' | 'runUser'> {
  readonly view: RecipeView;
  readonly contents: Contents;
}

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
  readonly breaches: (subject: LintSubject) => readonly Breach[];
}
