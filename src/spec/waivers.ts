/** Reads kiln.waivers.yaml, beside kiln.yaml. */
import { join } from 'node:path';

import { WAIVERS_FILE, type WaiverLine } from '../domain/waiver.ts';
import { KilnError } from '../errors/error.ts';
import { readIfThere } from '../platform/files.ts';
import { configError } from './problems.ts';
import { readSource, type Source } from './source.ts';

const MOST_BYTES = 1 << 20;
const MOST_LINES = 1000;
const HINT = 'each waiver is `- { finding: …, reason: …, until: 2027-01-31 }`, with `path:` where it names a rule';

/** None where there is no such file. Throws CONFIG_SYNTAX, CONFIG_INVALID. */
export async function loadWaivers(folder: string): Promise<readonly WaiverLine[]> {
  const path = join(folder, WAIVERS_FILE);
  const text = await readIfThere(path);
  return text === null ? [] : readWaivers(text, path);
}

export function readWaivers(text: string, file: string): readonly WaiverLine[] {
  if (text.length > MOST_BYTES) throw new KilnError('CONFIG_INVALID', `${file} has more than 1 MiB`, { hint: HINT });
  const source = readSource(text);
  if (source.problems.length > 0) throw configError('CONFIG_SYNTAX', file, source.problems, HINT);
  const { value } = source;
  const items = value === null || value === undefined ? [] : value;
  const problems = problemsOf(items, source);
  if (problems.length > 0) throw configError('CONFIG_INVALID', file, problems, HINT);
  return (items as readonly Written[]).map(({ finding, path = null, reason, until }, index) => {
    return { finding, path, reason, until, line: source.locate([index]).line };
  });
}

interface Written {
  readonly finding: string;
  readonly path?: string;
  readonly reason: string;
  readonly until: string;
}

type Problem = ReturnType<Source['locate']> & { readonly text: string };

function problemsOf(items: unknown, source: Source): readonly Problem[] {
  if (!Array.isArray(items)) return [{ ...source.locate([]), text: 'expected a list of waivers' }];
  if (items.length > MOST_LINES) return [{ ...source.locate([MOST_LINES]), text: `more than ${MOST_LINES} waivers` }];
  return items.flatMap((item: unknown, index) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      return [{ ...source.locate([index]), text: 'expected a map with finding, reason and until' }];
    }
    const given = item as Readonly<Record<string, unknown>>;
    const strange = Object.keys(given).filter((key) => !Object.hasOwn(FIELDS, key));
    return [
      ...strange.map((key) => ({
        ...source.locateKey([index, key]),
        text: `unknown key; the keys here are ${Object.keys(FIELDS).join(', ')}`,
      })),
      ...Object.entries(FIELDS).flatMap(([key, { expected, isGood }]) =>
        isGood(given[key]) ? [] : [{ ...source.locate([index, key]), text: `${key}: expected ${expected}` }],
      ),
    ];
  });
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '' && value.length <= 1000;

const FIELDS: Readonly<Record<keyof Written, { readonly expected: string; readonly isGood: (value: unknown) => boolean }>> = {
  finding: { expected: "a finding's fingerprint or a rule", isGood: (value) => isText(value) && /^[\w.:-]+$/.test(value) },
  path: { expected: 'a path or glob', isGood: (value) => value === undefined || isText(value) },
  reason: { expected: 'why it is accepted', isGood: isText },
  until: { expected: 'the last day on which it holds, such as 2027-01-31', isGood: (value) => isText(value) && isDay(value) },
};

function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
