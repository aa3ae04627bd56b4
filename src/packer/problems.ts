/** What is wrong with a template: each with its place and what to do. All that can be found in one reading are told together. */
import { KilnError } from '../errors/error.ts';

export interface Place {
  /** As the person who imports names it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Problem {
  readonly at: Place;
  /** What has no counterpart or is wrong, and after a semicolon what to do. */
  readonly text: string;
}

/** One problem, thrown by whatever found it and collected by whoever goes on with the rest. */
export class Refusal extends Error {
  readonly at: Place;
  /** It follows from a problem that is noted already, and need not be told. */
  readonly isEcho: boolean;

  constructor(at: Place, text: string, isEcho = false) {
    super(text);
    this.at = at;
    this.isEcho = isEcho;
  }
}

const SHOWN = 40;

export class Problems {
  readonly #found = new Map<string, Problem>();

  add(at: Place, text: string): void {
    this.#found.set(`${at.file}:${at.line}:${at.column}:${text}`, { at, text });
  }

  /** The answer of `work`; null where it refused, which is noted. Anything else that is thrown goes on. */
  attempt<T>(work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (!error.isEcho) this.add(error.at, error.message);
      return null;
    }
  }

  get isEmpty(): boolean {
    return this.#found.size === 0;
  }

  /** TEMPLATE_INVALID with every problem, sorted by place. Nothing where there is none. */
  throwIfAny(): void {
    const all = [...this.#found.values()].toSorted(byPlace);
    const [first] = all;
    if (first === undefined) return;
    const lines = all.slice(0, SHOWN).map(({ at, text }) => `${at.file}:${at.line}:${at.column}: ${text}`);
    const more = all.length > SHOWN ? [`and ${all.length - SHOWN} more`] : [];
    const message = all.length === 1 ? lines.join('') : [`${all.length} problems`, ...lines, ...more].join('\n  ');
    throw new KilnError('TEMPLATE_INVALID', message, {
      hint: 'nothing was written; mend the template, or what was said on the command line, and import again',
      at: first.at,
    });
  }
}

const byPlace = (a: Problem, b: Problem): number =>
  a.at.file < b.at.file ? -1 : a.at.file > b.at.file ? 1 : a.at.line - b.at.line || a.at.column - b.at.column;
