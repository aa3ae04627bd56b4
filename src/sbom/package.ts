/**
 * What is in an image: its packages, of the distribution and of languages, as they are found in its layers. This part owns
 * the inventory and its documents (CycloneDX, SPDX); what is wrong with a package is another part's business. An image is
 * read layer by layer, never unpacked, and nothing in it is run.
 */
import type { Digest } from '../domain/digest.ts';

/** Types of package URLs, which say the version's rules too. */
export const PACKAGE_TYPES = ['deb', 'apk', 'npm', 'pypi', 'golang', 'cargo'] as const;
export type PackageType = (typeof PACKAGE_TYPES)[number];

/** What a file says of one package. All of it is the image's own text, bounded and free of control characters. */
export interface PackageFacts {
  readonly type: PackageType;
  readonly name: string;
  readonly version: string;
  /** As stated: often, but not always, an SPDX expression. */
  readonly license: string | null;
  /** What it was built from, where that has a name or version of its own: vulnerabilities of distributions are told of it. */
  readonly source: { readonly name: string; readonly version: string } | null;
  readonly architecture: string | null;
}

export interface Package extends PackageFacts {
  /** Package URL: the name of it that other tools know. */
  readonly purl: string;
  /** The file that says so, and the diff id of the layer in which this version came in. */
  readonly where: { readonly path: string; readonly layer: Digest };
  /** The distribution's package whose file that is: its makers mend it, under its own version. */
  readonly owner: string | null;
}

/** Of os-release(5). */
export interface Distribution {
  /** `debian`, `alpine`. */
  readonly id: string;
  /** `12`, `3.20.1`; null for a rolling one. */
  readonly version: string | null;
  /** `bookworm`. */
  readonly codename: string | null;
  /** For people. */
  readonly name: string;
}

/** What was there and could not be read: an inventory that is silent about it would be believed to be whole. */
export interface Unread {
  readonly path: string;
  readonly why: string;
}

export interface Inventory {
  readonly distribution: Distribution | null;
  /** Sorted by type, name, version, path. */
  readonly packages: readonly Package[];
  readonly unread: readonly Unread[];
}
