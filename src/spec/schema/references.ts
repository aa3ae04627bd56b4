/** References in kiln.yaml: values that are kept elsewhere, and how they reach an instance. */
import * as z from 'zod';

import { referenceParts, SOURCE_KINDS } from '../../domain/reference.ts';
import { choice, envKey, text } from './fields.ts';

/** What an instance that tests an image gets where `test` does not say. */
export const TEST_VALUE = 'kiln-test';

const FORMS = SOURCE_KINDS.map((kind) => `${kind}://…`).join(', ');

/** What was found is not said: where a reference should stand, a secret may. */
export const reference = z
  .string()
  .refine((value) => referenceParts(value) !== null, {
    error: `expected a reference (${FORMS}); the value itself stays where it is kept`,
  })
  .meta({ title: 'reference', examples: ['etcd://prod/web/database-url', 'vault://secret/web/db#password', 'env://API_TOKEN'] });

/** A path within the folder of kiln.yaml, unless it is a reference. */
export const pathOrReference = z
  .string()
  .min(1)
  .refine((value) => !SOURCE_KINDS.some((kind) => value.startsWith(`${kind}://`)) || referenceParts(value) !== null, {
    error: `expected a file within the folder of kiln.yaml, or a whole reference (${FORMS})`,
  });

const from = reference.describe('Where the value is kept.');
const test = text
  .describe(`What instances get that test an image (image.test), where no value is asked for. Default: ${TEST_VALUE}.`)
  .optional();

const secret = z.union([
  reference,
  z.strictObject({
    from,
    as: choice(['env', 'file'])
      .describe('env: a variable of that name. file: /run/secrets/NAME, in memory, readable only by the user of the instance.')
      .prefault('env'),
    test,
  }),
]);

export const secrets = z.record(envKey, secret);

/** A variable: its text, or where that is kept. Text is never taken for a reference, whatever it looks like. */
export const launchEnv = z.record(envKey, z.union([text, z.strictObject({ from, test })]));

export type SecretsSpec = z.output<typeof secrets>;
export type LaunchEnvSpec = z.output<typeof launchEnv>;
