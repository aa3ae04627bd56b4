/** retention.yaml in KILN_HOME: the policy of gc, over its defaults, and under what a command says. */
import { join } from 'node:path';

import { parse } from 'yaml';
import * as z from 'zod';

import { KilnError, messageOf } from '../errors/error.ts';
import { DEFAULT_RETENTION, type RetentionPolicy } from '../lineage/retention.ts';
import { readIfThere } from '../platform/files.ts';
import type { Home } from '../platform/home.ts';
import { readDuration } from '../spec/units.ts';

const duration = z.union([z.string(), z.number()]).transform((value, context): number => {
  const reading = readDuration(String(value));
  if (reading.ok) return reading.value;
  context.addIssue({ code: 'custom', message: `expected ${reading.expected}` });
  return z.NEVER;
});
const count = z.int().min(0).max(10_000);

const file = z.strictObject({
  keep: count.optional(),
  'keep-of-channel': count.optional(),
  'younger-than': duration.optional(),
  'launched-within': duration.optional(),
  trash: duration.optional(),
});

/** Throws CONFIG_INVALID, FILE_UNREADABLE. */
export async function readRetention(home: Home): Promise<RetentionPolicy> {
  const path = join(home.root, 'retention.yaml');
  const text = await readIfThere(path).catch((cause: unknown) => {
    throw new KilnError('FILE_UNREADABLE', `${path} can't be read: ${messageOf(cause)}`, { hint: 'restore or delete it', cause });
  });
  if (text === null) return DEFAULT_RETENTION;
  const { keep, trash, ...said } = checked(text, path);
  return {
    keep: keep ?? DEFAULT_RETENTION.keep,
    keepOfChannel: said['keep-of-channel'] ?? DEFAULT_RETENTION.keepOfChannel,
    // What was just made has nobody to speak for it yet, whatever the file says.
    youngMs: Math.max(DEFAULT_RETENTION.youngMs, said['younger-than'] ?? 0),
    launchedMs: said['launched-within'] ?? DEFAULT_RETENTION.launchedMs,
    trashMs: trash ?? DEFAULT_RETENTION.trashMs,
  };
}

function checked(text: string, path: string): z.output<typeof file> {
  const invalid = (why: string, cause?: unknown): KilnError =>
    new KilnError('CONFIG_INVALID', `retention.yaml: ${why}`, {
      hint: 'it has keep, keep-of-channel, younger-than, launched-within and trash; docs/lineage.md says what they mean',
      at: { file: path },
      cause,
    });
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (cause) {
    throw invalid(messageOf(cause), cause);
  }
  const result = file.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`.replace(/^: /, ''));
}
