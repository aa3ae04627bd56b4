/** What kiln.lock holds. */
import type { Digest } from '../domain/digest.ts';

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Below the mirror's address: `pool/main/n/nodejs/nodejs_18_amd64.deb`. */
  readonly path: string;
}

export interface LockContent {
  readonly bases: Readonly<Record<string, Digest>>;
  readonly packages: Readonly<Record<string, readonly LockedPackage[]>>;
}
