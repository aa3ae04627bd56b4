/**
 * kiln.yaml as text to a validated Spec. This folder owns the file's form, defaults and errors; it must not know engines,
 * stores or the daemon. Only load.ts reads files.
 */
import type { KilnError } from '../errors/error.ts';
import { configError, labelled, schemaProblems } from './problems.ts';
import { breachesOf } from './rules.ts';
import { spec as schema, type Spec } from './schema/spec.ts';
import { type Path, readSource, type Source } from './source.ts';

export type { Spec } from './schema/spec.ts';

/** Far more than a file that a person reviews; little enough that the worst text is refused in seconds. */
const MOST_BYTES = 1 << 20;

const SYNTAX_HINT = 'mend the YAML at that place; indentation is by spaces, and text with ": " or " #" in it needs quotes';
const INVALID_HINT = 'docs/reference/kiln-yaml.md lists every key, what it may be, and its default';

/** A spec, and the way to an error that points at one of its values. */
export interface ParsedSpec {
  readonly spec: Spec;
  invalid(path: Path, text: string): KilnError;
}

/**
 * Pure: launch files given by `from` are not read (loadSpec does). `file` is what errors call the text.
 * Throws CONFIG_SYNTAX, or CONFIG_INVALID with all problems in the order of the file.
 */
export const parseSpec = (text: string, file: string): Spec => parse(text, file).spec;

export function parse(text: string, file: string): ParsedSpec {
  const source = wellFormed(text, file);
  const result = schema.safeParse(source.value);
  if (!result.success) throw configError('CONFIG_INVALID', file, schemaProblems(result.error.issues, source), INVALID_HINT);
  const invalid = (found: readonly { path: Path; text: string }[]): KilnError =>
    configError(
      'CONFIG_INVALID',
      file,
      found.map(({ path, text }) => ({ ...source.locate(path), text: labelled(path, text) })),
      INVALID_HINT,
    );
  const breaches = breachesOf(result.data);
  if (breaches.length > 0) throw invalid(breaches);
  return { spec: result.data, invalid: (path, text) => invalid([{ path, text }]) };
}

function wellFormed(text: string, file: string): Source {
  const start = { line: 1, column: 1 };
  if (Buffer.byteLength(text) > MOST_BYTES) {
    throw configError(
      'CONFIG_SYNTAX',
      file,
      [{ ...start, text: 'larger than 1 MiB' }],
      'is this the right file? Large content belongs into the image',
    );
  }
  const source = readSource(text);
  if (source.problems.length > 0) throw configError('CONFIG_SYNTAX', file, source.problems, SYNTAX_HINT);
  if (source.value === null || source.value === undefined) {
    throw configError(
      'CONFIG_INVALID',
      file,
      [{ ...start, text: 'the file is empty' }],
      'write `service` and `image`: docs/reference/kiln-yaml.md begins with a whole file',
    );
  }
  return source;
}
