/** What reads one kind of file. */
import type { PackageFacts } from '../package.ts';

export interface Reading {
  readonly packages: readonly PackageFacts[];
  /** Paths that belong to these packages, relative, bytes as latin1, with the package's name; null: this file doesn't say. */
  readonly owned: ReadonlyMap<string, string> | null;
  /** How many entries had no usable name or version. */
  readonly malformed: number;
}

export interface Reader {
  readonly name: string;
  /** Of the files that it wants, larger ones are told as unread. */
  readonly maxBytes: number;
  /** `path` is relative, bytes as latin1; mode as in the archive. */
  wants(path: string, mode: number): boolean;
  /** Whether its first bytes can be such a file; the rest is not even gathered where not. */
  readonly magic?: Buffer;
  /** Throws SyntaxError where the content is damaged; the message is for people. */
  read(content: Buffer, path: string): Reading;
}

export const reading = (packages: readonly PackageFacts[], malformed = 0): Reading => ({ packages, owned: null, malformed });

/** The many facts of which nothing is known. */
export const NO_MORE = { license: null, source: null, architecture: null } as const;
