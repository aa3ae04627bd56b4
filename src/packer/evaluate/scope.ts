/** What an expression can see: names, functions, and what it has touched that is secret. */
import type { Place } from '../problems.ts';
import type { Budget } from './budget.ts';
import type { Value } from './values.ts';

/** What a function is called with besides its arguments. */
export interface Call {
  readonly at: Place;
  readonly budget: Budget;
  readonly scope: Scope;
}

export type TemplateFunction = (args: readonly Value[], call: Call) => Value;

/** Answers a root name such as `var`; undefined where there is none. May throw a Refusal. */
export type Lookup = (name: string, key: string | null, at: Place, secrets: Set<string>) => Value | undefined;

export interface Scope {
  readonly budget: Budget;
  readonly functions: ReadonlyMap<string, TemplateFunction>;
  readonly lookup: Lookup;
  /** Names of loops and of `templatefile`, the innermost last. */
  readonly locals: ReadonlyMap<string, Value>;
  /** Sensitive variables that went into what was computed. Grows. */
  readonly secrets: Set<string>;
}

export const withLocals = (scope: Scope, names: Iterable<readonly [string, Value]>): Scope => ({
  ...scope,
  locals: new Map([...scope.locals, ...names]),
});
