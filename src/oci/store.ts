/**
 * The image store as the rest of Kiln sees it. On disk it is an OCI image layout (oci-layout, index.json, blobs/sha256/…),
 * so that any OCI tool can read it. Content-addressed: a blob is written once, verified while it is written, never changed.
 */
import type { Readable } from 'node:stream';

import type { Digest } from '../domain/digest.ts';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The parts of an OCI image configuration that Kiln reads and writes. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly created?: string;
  readonly config: {
    readonly User?: string;
    readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
    readonly Env?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly WorkingDir?: string;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly StopSignal?: string;
  };
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly {
    readonly created?: string;
    readonly created_by?: string;
    readonly comment?: string;
    readonly empty_layer?: boolean;
  }[];
}

/** One layer: `descriptor` names the (compressed) blob, `diffId` the tar inside it. Lowest layer first. */
export interface Layer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

export interface Image {
  /** The manifest's digest: the image's name. */
  readonly digest: Digest;
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
  readonly annotations: Readonly<Record<string, string>>;
  /** All blobs together, in bytes as stored. */
  readonly size: number;
}

export interface StoredImage {
  readonly digest: Digest;
  readonly tags: readonly string[];
  /** When it came into this store, ms since the epoch. Not part of the image. */
  readonly storedAt: number;
}

/** What is to be attached to an image: small documents, each in a blob of its own. */
export interface Artifact {
  /** A media type that says what kind of artifact it is. */
  readonly artifactType: string;
  readonly blobs: readonly {
    readonly mediaType: string;
    readonly content: Uint8Array;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** What is attached: an OCI 1.1 manifest with a `subject`. Who made it, and whether it is true, the store does not know. */
export interface Referrer extends Descriptor {
  readonly artifactType: string;
  readonly subject: Digest;
  readonly blobs: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ImageStore {
  /** Throws IMAGE_NOT_FOUND, or IMAGE_INVALID / DIGEST_MISMATCH for damaged content. */
  image(digest: Digest): Promise<Image>;
  /** A full digest, an unambiguous prefix of at least 6 hex digits, or a tag (`web:1.2.0`). Throws IMAGE_NOT_FOUND with what is near. */
  resolve(reference: string): Promise<Digest>;
  list(): Promise<readonly StoredImage[]>;
  /** Tags are immutable: the same again is success, another image throws TAG_IMMUTABLE, `latest` TAG_REFUSED with the reason. */
  tag(digest: Digest, tag: string): Promise<void>;
  hasBlob(digest: Digest, sizeBytes?: number): Promise<boolean>;
  /** The blob's path, for readers. Throws IMAGE_NOT_FOUND. */
  blobPath(digest: Digest): Promise<string>;
  /** Streams in, verifying size and digest where given; DIGEST_MISMATCH or DISK_FULL leave nothing behind. */
  putBlob(
    content: Readable | Uint8Array,
    expected?: { digest: Digest; size?: number },
  ): Promise<{ digest: Digest; size: number }>;
  /** Writes config and manifest and adds the image to the index. The layers' blobs must be there. Returns the manifest's digest. */
  putImage(config: ImageConfig, layers: readonly Layer[], annotations: Readonly<Record<string, string>>): Promise<Digest>;
  /**
   * Adds an image whose config and layers are there, under the exact bytes of its manifest: an image from elsewhere keeps
   * its digest. OCI or Docker schema 2. Throws IMAGE_INVALID, or DIGEST_MISMATCH where `expected` is not its digest.
   */
  putManifest(bytes: Uint8Array, expected?: Digest): Promise<Digest>;
  /**
   * Fetches a blob unless it is there, going on where an earlier try broke off. `openAt` opens the content at an offset and
   * says at which it really starts: that one, or 0. A stream that ends early throws BrokenOff and keeps what came.
   */
  fetchBlob(
    expected: { digest: Digest; size: number },
    openAt: (offset: number) => Promise<{ content: Readable; offset: number }>,
  ): Promise<void>;
  /** The layer's uncompressed tar, as a stream; verified against diffId at the end. */
  openLayer(layer: Layer): Promise<Readable>;
  /**
   * Attaches an artifact to an image, or to another artifact, that is there (else IMAGE_NOT_FOUND). The same again is
   * success and the same digest. It stays as long as its subject and goes with it.
   */
  attach(subject: Digest, artifact: Artifact): Promise<Digest>;
  /**
   * The same under the exact bytes of a manifest from elsewhere, whose blobs are there. Throws IMAGE_INVALID where it is no
   * artifact or names another subject, DIGEST_MISMATCH where `expected` is not its digest.
   */
  attachManifest(subject: Digest, bytes: Uint8Array, expected?: Digest): Promise<Digest>;
  /** What is attached, in the order in which it came. Empty for what is not there. */
  referrers(subject: Digest): Promise<readonly Referrer[]>;
  /** A small blob, whole and verified. Throws IMAGE_NOT_FOUND, DIGEST_MISMATCH, or IMAGE_INVALID where it is above the limit. */
  readBlob(digest: Digest, limitBytes: number): Promise<Uint8Array>;
  /** Images not in `keep` with what is attached to them, and blobs that no kept image names; nothing younger than `graceMs` (running bakes and pulls). */
  planGc(keep: ReadonlySet<Digest>, graceMs: number): Promise<GcPlan>;
  collect(plan: GcPlan): Promise<void>;
}

export interface GcPlan {
  readonly images: readonly { readonly digest: Digest; readonly tags: readonly string[] }[];
  /** What is attached to those images, or to nothing that is there. */
  readonly artifacts: readonly Digest[];
  readonly blobs: readonly Digest[];
  readonly bytes: number;
  /** Kept manifests that are damaged: while there are any, nothing is taken, as they might need it. */
  readonly unreadable: readonly Digest[];
  /** What was written or asked for after this moment stays after all; ms since the epoch. */
  readonly before: number;
}
