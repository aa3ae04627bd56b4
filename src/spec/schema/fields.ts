/** The smallest parts of the schema: single values, each with its reader, its words for an error and its editor help. */
import * as z from 'zod';

import { isName } from '../../domain/ids.ts';
import { nearest } from '../nearest.ts';
import { type Reading, readDuration, readListen, readMode, readPercent, readPort, readShare, readSize } from '../units.ts';

/** What a person wrote, for "found …". */
export function found(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 76)}…"`;
}

export const MISSING = 'is missing';
export const misfit = (expected: string, value: unknown): string =>
  value === undefined ? `${MISSING}; expected ${expected}` : `expected ${expected}, found ${found(value)}`;

/** A value that is read by hand: `read` sees what YAML gave, `meta` is its JSON Schema. */
export const leaf = <T>(read: (value: unknown) => Reading<T>, meta: z.GlobalMeta) =>
  z
    .unknown()
    .meta(meta)
    .transform((value, context): T => {
      const reading = read(value);
      if (reading.ok) return reading.value;
      const { expected } = reading;
      context.issues.push({ code: 'custom', message: misfit(expected, value), params: { expected }, input: value });
      return z.NEVER;
    });

/** A quantity as people write it. YAML gives `5` as a number and `5m` as text: the reader sees the text of both. */
const quantity = <T>(read: (text: string) => Reading<T>, meta: z.GlobalMeta) =>
  leaf((value) => read(typeof value === 'string' || typeof value === 'number' ? String(value) : ''), meta);

const atLeast =
  (read: (text: string) => Reading<number>, least: number, expected: string) =>
  (text: string): Reading<number> => {
    const reading = read(text);
    return reading.ok && reading.value < least ? { ok: false, expected } : reading;
  };

const DURATION_META = { title: 'duration', type: 'string', examples: ['500ms', '30s', '1h30m'] } as const;
/** Milliseconds; 0 is allowed. */
export const duration = quantity(readDuration, DURATION_META);
/** Milliseconds, more than none. */
export const interval = quantity(atLeast(readDuration, 1, 'a duration of at least 1ms'), DURATION_META);
/** Milliseconds between probes: more often is a load, not a check. */
export const probeInterval = quantity(atLeast(readDuration, 50, 'a duration of at least 50ms'), DURATION_META);

/** Bytes, at least `least`. */
export const size = (least: number, leastText: string) =>
  quantity(atLeast(readSize, least, `a size of at least ${leastText}`), {
    title: 'size',
    type: 'string',
    examples: ['64MB', '1GiB'],
  });

export const percent = quantity(readPercent, {
  title: 'percentage',
  type: 'string',
  pattern: '^\\d+(\\.\\d+)? ?%$',
  examples: ['75%', '100%'],
});
export const share = quantity(readShare, { title: 'count or percentage', type: ['integer', 'string'], examples: [1, '25%'] });
export const mode = quantity(readMode, { title: 'mode', type: ['string', 'integer'], examples: ['0644', '0755'] });
export const port = quantity(readPort, { title: 'port', type: 'integer', minimum: 1, maximum: 65_535 });
export const listen = quantity(readListen, { title: 'address', type: ['integer', 'string'], examples: [8080, '127.0.0.1:8080'] });

/** A whole number from `least` to `most`. */
export const count = (least: number, most: number) =>
  leaf(
    (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
        ? { ok: true, value }
        : { ok: false, expected: `a whole number from ${least} to ${most}` },
    { type: 'integer', minimum: least, maximum: most },
  );

/** Text that YAML may have taken for a number or a truth value: `"8080"`, `8080` and `true` are the same to a process. */
export const text = leaf(readText, { title: 'text', type: ['string', 'number', 'boolean'] });

function readText(value: unknown): Reading<string> {
  const scalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  if (!scalar) return { ok: false, expected: value === null ? 'text (write "" for empty text)' : 'text' };
  return String(value).includes('\0')
    ? { ok: false, expected: 'text without a NUL character' }
    : { ok: true, value: String(value) };
}

/** Text of a form. `pattern` is anchored. */
export const word = (pattern: RegExp, expected: string, examples: readonly string[]) =>
  leaf((value) => (typeof value === 'string' && pattern.test(value) ? { ok: true, value } : { ok: false, expected }), {
    type: 'string',
    pattern: pattern.source,
    examples: [...examples],
  });

export const urlPath = word(/^\/[\x21-\x7e]*$/, 'the path of a request, such as /healthz', ['/healthz']);

const NAME_FORM = 'a name: a lower-case letter, then letters, digits and hyphens, at most 31 characters';

export const nameText = leaf(
  (value) => (typeof value === 'string' && isName(value) ? { ok: true, value } : { ok: false, expected: NAME_FORM }),
  { title: 'name', type: 'string', pattern: '^[a-z][a-z0-9-]{0,30}$' },
);

/** Keys of a map that are names. */
export const nameKey = z.string().refine(isName, { error: `expected ${NAME_FORM}` });
export const envKey = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  error: 'expected the name of an environment variable: letters, digits and underscores, not a digit first',
});

const PATH_FORM = 'an absolute path without "." or ".." in it, and not / itself';

/** Absolute, in one spelling only: two texts that differ are two places. */
export const isPlainPath = (path: string): boolean =>
  path.length <= 4096 && path.startsWith('/') && !path.includes('\0') && path.slice(1).split('/').every(isSegment);
const isSegment = (segment: string): boolean => segment !== '' && segment !== '.' && segment !== '..';

export const path = leaf(
  (value) => (typeof value === 'string' && isPlainPath(value) ? { ok: true, value } : { ok: false, expected: PATH_FORM }),
  { title: 'absolute path', type: 'string', pattern: '^/.+' },
);
export const pathKey = z.string().refine(isPlainPath, { error: `expected ${PATH_FORM}` });

export const env = z.record(envKey, text);

/** A program and its arguments: no shell reads it, so no quoting has to be right. */
export const command = z.array(text).min(1, { error: 'expected at least the program to run, found an empty list' });

/**
 * One of a few words. `notYet`: words that a later version will take, each with what to use instead; refused by name, so
 * that nobody believes that they were heard.
 */
export const choice = <const T extends string>(values: readonly T[], notYet: Readonly<Record<string, string>> = {}) =>
  z
    .unknown()
    .meta({ enum: [...values] })
    .transform((value, context): T => {
      const chosen = values.find((candidate) => candidate === value);
      if (chosen !== undefined) return chosen;
      const expected = `one of ${values.join(', ')}`;
      context.issues.push({ code: 'custom', message: choiceMisfit(value, values, notYet), params: { expected }, input: value });
      return z.NEVER;
    });

function choiceMisfit(value: unknown, values: readonly string[], notYet: Readonly<Record<string, string>>): string {
  if (typeof value === 'string' && Object.hasOwn(notYet, value)) return `not supported yet: ${value}; ${notYet[value]}`;
  const meant = typeof value === 'string' ? nearest(value, values) : null;
  return `${misfit(`one of ${values.join(', ')}`, value)}${meant === null ? '' : `; did you mean "${meant}"?`}`;
}

export const signal = choice([
  'SIGTERM',
  'SIGINT',
  'SIGQUIT',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGKILL',
  'SIGRTMIN+3',
]);
