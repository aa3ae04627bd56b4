/** A duration in a settings file, as kiln.yaml writes it: `30s`, `1h30m`; ms. */
import * as z from 'zod';

import { readDuration } from '../spec/units.ts';

export const duration = z.union([z.string(), z.number()]).transform((value, context): number => {
  const reading = readDuration(String(value));
  if (reading.ok) return reading.value;
  context.addIssue({ code: 'custom', message: `expected ${reading.expected}` });
  return z.NEVER;
});
