/** What a template is opened with, whatever its form. */
import type { TemplateFiles } from './files.ts';
import type { Problems, Place } from './problems.ts';
import type { Notice } from './template.ts';

export interface Opening {
  readonly files: TemplateFiles;
  readonly problems: Problems;
  /** --var, by name. */
  readonly values: ReadonlyMap<string, string>;
  /** --var-file, in order: later ones win. */
  readonly valueFiles: readonly SourceText[];
  /** Read only where a template asks for a variable by name; each is noticed. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: number;
  readonly notices: Notices;
}

export interface SourceText {
  /** As errors call it. */
  readonly name: string;
  readonly text: string;
}

/** Each notice once, in the order in which they came. */
export class Notices {
  readonly #all = new Map<string, Notice>();

  add(at: Place, text: string): void {
    const key = `${at.file}:${at.line}:${text}`;
    if (!this.#all.has(key)) this.#all.set(key, { at, text });
  }

  get all(): readonly Notice[] {
    return [...this.#all.values()];
  }
}

/** Where errors about the command line itself are said to be. */
export const COMMAND_LINE = 'command line';

/** An environment variable that the template asked for by name, as empty text where it is not set, as Packer has it. */
export function readEnvironment(opening: Opening, name: string, at: Place): string {
  opening.notices.add(at, `read the environment variable ${name}: its value is in the recipe wherever the template puts it`);
  return opening.env[name] ?? '';
}

/** For every function that asks for the time. */
export const noticeTime =
  (opening: Opening) =>
  (at: Place): void =>
    opening.notices.add(at, 'the time is that of the import: the recipe says the same one from now on');
