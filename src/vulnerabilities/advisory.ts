/**
 * What is known to be wrong with packages: advisories as every source gives them, once they are read. This part owns the
 * orders of versions, the readers of sources (OSV, Debian's tracker, reports of scanners), the matching, VEX, and the gate.
 * An inventory comes from elsewhere; no image is read here.
 */
import type { Severity } from '../domain/gate.ts';

export interface Rating {
  readonly severity: Severity;
  /** CVSS, 0 to 10; null where the source has words only. */
  readonly score: number | null;
}

export interface Advisory {
  readonly id: string;
  /** Other names of the same vulnerability. */
  readonly aliases: readonly string[];
  /** The vulnerabilities that it tells of, where it is about several: an advisory of a distribution. */
  readonly covers: readonly string[];
  readonly summary: string;
  /** Null: nobody has said how grave it is. */
  readonly rating: Rating | null;
  /** Where the advisory says so of this package alone. */
  readonly url: string | null;
}

/** One boundary of a range (OSV schema, "affected[].ranges[].events"); `0` is before every version. */
export interface VersionEvent {
  readonly kind: 'introduced' | 'fixed' | 'last-affected';
  readonly version: string;
}

/** What an advisory says of one package. */
export interface Affected {
  readonly advisory: Advisory;
  /** In the words of OSV, without a Ubuntu release's `:LTS`: `Debian:12`, `npm`. */
  readonly ecosystem: string;
  readonly name: string;
  readonly ranges: readonly (readonly VersionEvent[])[];
  /** Versions that are affected, whatever the ranges say. */
  readonly versions: readonly string[];
}

/** What makes a part of a source worth keeping: most of a database is about packages that an image has not. */
export type Wanted = (ecosystem: string, name: string) => boolean;
