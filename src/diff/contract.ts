/**
 * What is different between two images, and between what two releases are launched with. This part owns the comparison; it
 * changes nothing, unpacks nothing, and reads of layers only those that can matter. What it answers quotes the images: it is
 * made harmless where it is shown, and holds no secret.
 */
import type { Digest } from '../domain/digest.ts';
import type { Json } from '../domain/json.ts';
import type { Aspect } from '../oci/file-aspects.ts';
import type { TarKind } from '../oci/tar-format.ts';
import type { PackageType } from '../sbom/package.ts';

/** What is at a path of one image. */
export interface FileFacts {
  readonly kind: TarKind;
  /** As in chmod, setuid and the like included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** sha256 of a file's content. */
  readonly content: Digest | null;
  /** Where a symbolic link leads; of a file with several names the first of them, where this is another. */
  readonly target: string | null;
  /** Name → value in base64, the beginning of a long one. */
  readonly xattrs: Readonly<Record<string, string>>;
}

/** Changed lines of a text, in the unified form: `@@ … @@`, then lines that begin with a blank, `-` or `+`. */
export interface TextDifference {
  readonly lines: readonly string[];
  /** How many lines were left out at the end. */
  readonly more: number;
  /** Why none are shown: it is no text, it holds a secret, too much differs; null: they are. */
  readonly hidden: string | null;
}

export interface FileDifference {
  /** Absolute. A byte that is no UTF-8 is shown as `\xNN`. */
  readonly path: string;
  readonly what: readonly Aspect[];
  readonly first: FileFacts | null;
  readonly second: FileFacts | null;
  /** Of a folder that is in one image only: what is in it, which is not listed by itself unless it was asked for. */
  readonly below: { readonly entries: number; readonly bytes: number } | null;
  /** The package that brings it, where that differs, too. */
  readonly package: string | null;
  readonly gained: readonly Right[];
  /** Null: it was not asked for, or no file's content differs. */
  readonly text: TextDifference | null;
}

/** What lets whoever starts a file do more than they may themselves. */
export type Right = 'setuid' | 'setgid' | 'capabilities';

export interface FilesDifference {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** Paths of which only the time differs: they are not counted as changed, and not listed. */
  readonly onlyTimes: number;
  /** By how much all files together are larger in the second image. */
  readonly grownBytes: number;
  /** Paths that packages bring that differ: they are counted, and not listed unless all are asked for. */
  readonly ofPackages: number;
  /** What has gained rights first, else in the order of a walk: what is in a folder follows it. */
  readonly listed: readonly FileDifference[];
  /** How many are not listed because there are too many. */
  readonly more: number;
}

/** `first` empty: added; `second` empty: removed. Each is all versions that are there, sorted. */
export interface PackageDifference {
  readonly type: PackageType;
  readonly name: string;
  readonly first: readonly string[];
  readonly second: readonly string[];
  /** Where there is one version on both sides and they can be compared. */
  readonly direction: 'newer' | 'older' | null;
}

export interface PackagesDifference {
  readonly differences: readonly PackageDifference[];
  /** What could not be read of an image's packages: the comparison is silent about it. */
  readonly unread: readonly { readonly side: 'first' | 'second'; readonly path: string; readonly why: string }[];
}

/** One value that differs; null: it is not there. */
export interface Change {
  /** `['env', 'LOG_LEVEL']`. */
  readonly where: readonly string[];
  readonly what: 'added' | 'removed' | 'changed';
  readonly first: Json;
  readonly second: Json;
  /** It may be a secret: both values are left out. */
  readonly hidden: boolean;
}

export interface LayerFacts {
  readonly digest: Digest;
  readonly diffId: Digest;
  /** As stored. */
  readonly size: number;
  readonly createdBy: string | null;
}

export interface LayersDifference {
  readonly shared: { readonly count: number; readonly bytes: number };
  /** Of the shared ones: stored in another form, such as with another compression. */
  readonly restored: number;
  readonly first: readonly LayerFacts[];
  readonly second: readonly LayerFacts[];
}

export interface ContentsDifference {
  readonly files: FilesDifference;
  readonly packages: PackagesDifference;
}
