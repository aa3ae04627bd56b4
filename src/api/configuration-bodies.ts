/** What the API says of configuration that is kept elsewhere: names and versions, never a value (law 10). */
import * as z from 'zod';

import { list } from './parts.ts';

/** In the form of the journal: what the source calls the version (null: it has none), and a keyed hash of the value. */
const Pin = z.object({ version: z.string().nullable(), fingerprint: z.string() }).meta({ id: 'Pin' });

/** `to`: a variable's name, or a file's path, in the instance. */
const named = { to: z.string(), from: z.string() };

export const PinnedReference = z.object({ ...named, pin: Pin }).meta({ id: 'PinnedReference' });

export const ReferenceState = PinnedReference.extend({
  /** Of the value at the source now. `unknown`: it could not be asked for. */
  state: z.enum(['same', 'changed', 'gone', 'unknown']),
  now: Pin.nullable(),
  /** Why it is unknown or gone. */
  why: z.string().nullable(),
}).meta({ id: 'ReferenceState' });

/** What a deploy changes; null: it was not there before, or is not any more. */
export const ConfigurationChange = z
  .object({ to: z.string(), was: PinnedReference.nullable(), is: PinnedReference.nullable() })
  .meta({ id: 'ConfigurationChange' });

export const References = list(ReferenceState);
export const Changes = list(ConfigurationChange);

export type PinnedReferenceBody = z.output<typeof PinnedReference>;
export type ReferenceStateBody = z.output<typeof ReferenceState>;
export type ConfigurationChangeBody = z.output<typeof ConfigurationChange>;
