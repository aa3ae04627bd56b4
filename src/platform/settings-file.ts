/** Settings of this machine: a YAML file in KILN_HOME that a person writes, checked by a schema. */
import { basename } from 'node:path';

import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';

import { KilnError, messageOf } from '../errors/error.ts';
import { readIfThere } from './files.ts';

/**
 * A file that is not there, or empty, is one that says nothing. `hint`: where its keys are explained. No value of it is in an
 * error. Throws CONFIG_SYNTAX, CONFIG_INVALID, FILE_UNREADABLE.
 */
export async function readSettings<T extends z.ZodType>(path: string, schema: T, hint: string): Promise<z.output<T>> {
  const text = await readIfThere(path).catch((cause: unknown) => {
    throw new KilnError('FILE_UNREADABLE', `${path} can't be read: ${messageOf(cause)}`, { hint: 'restore or delete it', cause });
  });
  const result = schema.safeParse(parsed(text ?? '', path) ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue?.path.join('.') ?? '';
  const what = `${basename(path)}: ${place === '' ? '' : `${place}: `}${issue?.message ?? 'malformed'}`;
  throw new KilnError('CONFIG_INVALID', what, { hint, at: { file: path } });
}

function parsed(text: string, path: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error === undefined) return document.toJS({ maxAliasCount: 10 });
  const { line, col } = lines.linePos(error.pos[0]);
  throw new KilnError('CONFIG_SYNTAX', `${path} is not well-formed YAML: ${error.message.split('\n')[0]}`, {
    hint: 'mend the line',
    at: { file: path, line, column: col },
  });
}
