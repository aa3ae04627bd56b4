/** `demand:` of an environment: what must be attached to an image before it may be deployed there. */
import * as z from 'zod';

import { choice, interval, leaf } from './fields.ts';

const KEY_FORM = 'the path of a public key in the folder of kiln.yaml, such as keys/ci.pub';

const keyFile = leaf(
  (value) =>
    typeof value === 'string' && value !== '' && value.length <= 4096 && !value.includes('\0')
      ? { ok: true, value }
      : { ok: false, expected: KEY_FORM },
  { type: 'string', examples: ['keys/ci.pub'] },
);

export const demand = z.strictObject({
  'signed-by': z
    .array(keyFile)
    .min(1, { error: `expected at least ${KEY_FORM}` })
    .max(16, { error: 'expected at most 16 keys' })
    .describe(
      'Files with public keys: the image must be signed by one of them, and only evidence that one of them signed counts.',
    )
    .optional(),
  tested: z.boolean().describe('Its newest test result must have passed.').prefault(false),
  'scanned-within': interval.describe('Its newest vulnerability scan may be this old at most.').optional(),
  'clean-tree': z.boolean().describe('Its provenance must name a git commit, without changes since.').prefault(false),
  gates: choice(['pass']).describe('The newest verdict of every gate must be that it passed.').optional(),
});

export type Demand = z.output<typeof demand>;
