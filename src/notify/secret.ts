/** Values that are named and never written down: `env:NAME` of the daemon, `file:/path`. */
import { readFile } from 'node:fs/promises';

import type { SecretSource } from '../domain/task.ts';
import { KilnError } from '../errors/error.ts';

/** Null: it is not there; `whereOf` says where it should be. */
export async function secretText(source: SecretSource, env: NodeJS.ProcessEnv): Promise<string | null> {
  const text = 'env' in source ? env[source.env] : await readFile(source.file, 'utf8').catch(() => undefined);
  return text?.trim() ?? null;
}

export const whereOf = (source: SecretSource): string =>
  'env' in source ? `the variable ${source.env} in the environment of the daemon` : `the file ${source.file}`;

/** Throws SOURCE_UNKNOWN where it is missing or empty. */
export async function requireSecret(source: SecretSource, env: NodeJS.ProcessEnv): Promise<string> {
  const text = await secretText(source, env);
  if (text !== null && text !== '') return text;
  throw new KilnError('SOURCE_UNKNOWN', `${whereOf(source)} is ${text === null ? 'missing' : 'empty'}`, {
    hint: 'put the value there, or name another place in notifications.yaml',
  });
}
