/** Programs that Kiln calls, as tables that stand beside their callers: `kiln doctor` names each that is missing, with its package. */
import { findProgram } from './programs.ts';

export interface Requirement {
  readonly program: string;
  readonly debianPackage: string;
  /** Behind "PROGRAM is not installed: ". */
  readonly why: string;
  /** Nothing at all can be done without it. */
  readonly fatal: boolean;
}

/** In the words of the engines' `Problem`. */
export interface MissingProgram {
  readonly what: string;
  readonly hint: string;
  readonly fatal: boolean;
  readonly requirement: string;
}

/** As doctor lists it, met or not. */
export interface Condition {
  readonly name: string;
  readonly fix: string;
}

export const conditionsOf = (table: readonly Requirement[]): readonly Condition[] =>
  table.map(({ program, debianPackage }) => ({ name: program, fix: installing(debianPackage) }));

const installing = (debianPackage: string): string => `apt-get install ${debianPackage}`;

/** Those of the table that this machine does not have, in its order. */
export async function missingPrograms(table: readonly Requirement[]): Promise<readonly MissingProgram[]> {
  const found = await Promise.all(table.map(({ program }) => findProgram(program)));
  return table
    .filter((_, index) => found[index] === null)
    .map(({ program, debianPackage, why, fatal }) => ({
      what: `${program} is not installed: ${why}`,
      hint: installing(debianPackage),
      fatal,
      requirement: program,
    }));
}
