/**
 * kiln.yaml as text to validated Specs: one, or one for each of its services. This folder owns the file's form, defaults and
 * errors; it must not know engines, stores or the daemon. Only load.ts reads files.
 */
import type { KilnError } from '../errors/error.ts';
import { configError, labelled, schemaProblems } from './problems.ts';
import { breachesOf, type Breach } from './rules.ts';
import { several as severalSchema, spec as schema, type Member, type Spec } from './schema/spec.ts';
import { dependencyBreaches, listenBreaches, onlyOf, type ParsedService } from './services.ts';
import { type Path, readSource, type Source } from './source.ts';

export type { Spec } from './schema/spec.ts';

/** Far more than a file that a person reviews; little enough that the worst text is refused in seconds. */
const MOST_BYTES = 1 << 20;

const SYNTAX_HINT = 'mend the YAML at that place; indentation is by spaces, and text with ": " or " #" in it needs quotes';
const INVALID_HINT = 'docs/reference/kiln-yaml.md lists every key, what it may be, and its default';

/**
 * Pure: launch files given by `from` are not read (loadSpec does). `file` is what errors call the text.
 * Throws CONFIG_SYNTAX, CONFIG_INVALID with all problems in the order of the file, or USAGE where it has several services.
 */
export const parseSpec = (text: string, file: string): Spec => onlyOf(parse(text, file), file).spec;

/** In the order of the file. */
export function parse(text: string, file: string): readonly ParsedService[] {
  const source = wellFormed(text, file);
  const invalid = (found: readonly Breach[]): KilnError =>
    configError(
      'CONFIG_INVALID',
      file,
      found.map(({ path, text }) => ({ ...source.locate(path), text: labelled(path, text) })),
      INVALID_HINT,
    );
  const services = servicesIn(source, file);
  const breaches = [
    ...services.flatMap(({ at, spec }) => breachesOf(spec).map(({ path, text }) => ({ path: [...at, ...path], text }))),
    ...dependencyBreaches(services.map(({ spec, dependsOn }) => ({ name: spec.service, dependsOn }))),
    ...listenBreaches(services.map(({ spec }) => spec)),
  ];
  if (breaches.length > 0) throw invalid(breaches);
  return services.map(({ at, spec, dependsOn }) => ({
    spec,
    dependsOn,
    invalid: (path, text) => invalid([{ path: [...at, ...path], text }]),
  }));
}

interface Found extends Pick<ParsedService, 'spec' | 'dependsOn'> {
  /** Where its sections stand. */
  readonly at: Path;
}

/** A file that has the key `services` has several, though it were one. */
function servicesIn(source: Source, file: string): readonly Found[] {
  const result = hasSeveral(source.value) ? severalSchema.safeParse(source.value) : schema.safeParse(source.value);
  if (!result.success) throw configError('CONFIG_INVALID', file, schemaProblems(result.error.issues, source), INVALID_HINT);
  const { data } = result;
  if (!('services' in data)) return [{ at: [], spec: data, dependsOn: [] }];
  return Object.entries(data.services).map(([name, member]) => memberOf(name, member));
}

/** Each has a lock of its own, so that what one of them asks for is no business of the others. */
function memberOf(name: string, { 'depends-on': dependsOn, ...sections }: Member): Found {
  return { at: ['services', name], spec: { service: name, ...sections, lock: `kiln.${name}.lock` }, dependsOn };
}

const hasSeveral = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.hasOwn(value, 'services');

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
