/** Digests of bytes. */
import { createHash } from 'node:crypto';

import type { Digest } from '../domain/digest.ts';

export const sha256 = (bytes: string | Uint8Array): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
