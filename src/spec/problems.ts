/** From what the schema refused to sentences with a place: what was expected, what was found, what was perhaps meant. */
import type * as z from 'zod';

import { KilnError } from '../errors/error.ts';
import { jsonSchema, keysAt, type SchemaNode } from './json-schema.ts';
import { nearest } from './nearest.ts';
import { MISSING, misfit } from './schema/fields.ts';
import type { Path, Position, Source } from './source.ts';

export interface Problem extends Position {
  readonly text: string;
}

interface Finding {
  readonly path: Path;
  readonly text: string;
  /** It is the key that is wrong, not the value. */
  readonly isKey: boolean;
  /** The path that a misspelt key most likely stands for: no need to say that it is missing, too. */
  readonly meant?: Path;
}

type Issue = z.core.$ZodIssue;

/** What the schema refused, and the value that it refused. */
interface Refused {
  readonly root: unknown;
  readonly schema: SchemaNode;
}

export function schemaProblems(issues: readonly Issue[], source: Source): readonly Problem[] {
  const refused = { root: source.value, schema: jsonSchema() };
  const findings = issues.flatMap((issue) => findingsOf(issue, [], refused));
  const misspelt = new Set(findings.flatMap(({ meant }) => (meant === undefined ? [] : [labelOf(meant)])));
  const isEcho = ({ path, text }: Finding): boolean => text.startsWith(MISSING) && misspelt.has(labelOf(path));
  return findings
    .filter((finding) => !isEcho(finding))
    .map(({ path, text, isKey }) => {
      const position = isKey ? source.locateKey(path) : source.locate(path);
      return { ...position, text: labelled(path, text) };
    });
}

/** `run.health.every: expected …` */
export const labelled = (path: Path, text: string): string => (path.length === 0 ? text : `${labelOf(path)}: ${text}`);

const labelOf = (path: Path): string =>
  path.reduce<string>((label, step) => {
    if (typeof step === 'number') return `${label}[${step}]`;
    const key = String(step);
    if (!/^[\w-]{1,60}$/.test(key)) return `${label}[${shortened(JSON.stringify(key))}]`;
    return label === '' ? key : `${label}.${key}`;
  }, '');

const shortened = (text: string): string => (text.length <= 80 ? text : `${text.slice(0, 76)}…"`);

/** `prefix`: where in the file the issue's own path begins. */
function findingsOf(issue: Issue, prefix: Path, refused: Refused): readonly Finding[] {
  const path = [...prefix, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysAt(refused.schema, path);
      return issue.keys.map((key) => strangeKey(key, path, known, refused.schema));
    }
    case 'invalid_union':
      return unionFindings(issue.errors, path, refused);
    case 'invalid_key':
      return issue.issues.map((inner) => ({ path, text: inner.message, isKey: true }));
    case 'invalid_type':
      return [{ path, text: misfitAt(path, KINDS[issue.expected] ?? issue.expected, refused), isKey: false }];
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_value':
    case 'not_multiple_of':
    case 'too_big':
    case 'too_small':
      return [{ path, text: issue.message, isKey: false }];
  }
}

function strangeKey(key: string, path: Path, known: readonly string[], schema: SchemaNode): Finding {
  const finding = { path: [...path, key], isKey: true };
  if (known.includes(key)) return { ...finding, text: 'does not go together with the other keys here' };
  const meant = nearest(key, known);
  if (meant !== null) return { ...finding, text: `unknown key; did you mean "${meant}"?`, meant: [...path, meant] };
  const section = path.length === 0 ? SECTIONS.find((name) => keysAt(schema, [name]).includes(key)) : undefined;
  if (section !== undefined) return { ...finding, text: `unknown key; did you mean ${section}.${key}?` };
  return { ...finding, text: `unknown key; the keys here are ${known.join(', ')}` };
}

/** Where a key that is written at the top most likely belongs. */
const SECTIONS = ['run', 'image', 'replace'];

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/**
 * A value may have several forms (`3`, or `{ desired: 3 }`). Where it has the kind of one of them, what that form says is
 * told; else all the forms are. Of two maps, the one that knows more of the keys.
 */
function unionFindings(branches: readonly (readonly Issue[])[], path: Path, refused: Refused): readonly Finding[] {
  const alike = branches.filter((issues) => !issues.some((issue) => expectedAtRoot(issue) !== null || isOtherWord(issue)));
  const best = alike.toSorted((a, b) => strangeKeys(a) - strangeKeys(b))[0];
  if (best !== undefined) return best.flatMap((issue) => findingsOf(issue, path, refused));
  const word = branches.flat().find(isOtherWord);
  if (word !== undefined) return findingsOf(word, path, refused);
  const expected = branches
    .flat()
    .map(expectedAtRoot)
    .filter((text) => text !== null);
  return [{ path, text: misfitAt(path, [...new Set(expected)].join(', or '), refused), isKey: false }];
}

/** A value under `secrets` may be one that a person took for its reference: it is not said (law 10). */
function misfitAt(path: Path, expected: string, { root }: Refused): string {
  const value = valueAt(root, path);
  return path.includes('secrets') && value !== undefined ? `expected ${expected}` : misfit(expected, value);
}

const strangeKeys = (issues: readonly Issue[]): number =>
  issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys.length : 0), 0);

/** The form is one word, and this is not it. */
const isOtherWord = ({ code, path }: Issue): boolean => code === 'invalid_value' && path.length === 0;

/** What the form wants instead, where the value as a whole (not a part of it) is wrong. */
function expectedAtRoot(issue: Issue): string | null {
  if (issue.path.length > 0) return null;
  if (issue.code === 'invalid_type') return KINDS[issue.expected] ?? issue.expected;
  const expected: unknown = issue.code === 'custom' ? issue.params?.['expected'] : undefined;
  return typeof expected === 'string' ? expected : null;
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[step];
  }
  return value;
}

const MOST_LISTED = 20;

/** One error for all problems, in the order of the file; `at` is the first. */
export function configError(
  code: 'CONFIG_SYNTAX' | 'CONFIG_INVALID',
  file: string,
  problems: readonly Problem[],
  hint: string,
): KilnError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const lines = [...new Set(sorted.map(({ line, column, text }) => `${file}:${line}:${column}: ${printable(text)}`))];
  const listed = lines.slice(0, MOST_LISTED);
  const rest = lines.length > MOST_LISTED ? [`and ${lines.length - MOST_LISTED} more`] : [];
  const message = lines.length === 1 ? listed.join('') : [`${lines.length} problems`, ...listed, ...rest].join('\n  ');
  const first = sorted[0] ?? { line: 1, column: 1 };
  return new KilnError(code, message, { hint, at: { file, line: first.line, column: first.column } });
}

/** A file can't write to the terminal by being quoted in an error. */
const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
