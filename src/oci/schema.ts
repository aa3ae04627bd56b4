/**
 * What a manifest, an index and a configuration must look like before anything else reads them. They come from registries:
 * every field is a stranger's. What breaks the OCI image specification 1.1 or Docker's schema 2, or is absurdly large, is
 * IMAGE_INVALID. Unknown members are allowed, as the specification asks, and dropped.
 */
import { z } from 'zod';

import { type Digest, isDigest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { compressionOf, CONFIG_TYPES, INDEX_TYPES, MANIFEST_TYPES, OCI_INDEX, OCI_MANIFEST } from './media-types.ts';
import type { Descriptor, ImageConfig } from './store.ts';

/** The distribution specification lets registries refuse manifests above 4 MiB; so do we. */
export const MANIFEST_BYTES = 4 << 20;
/** Configurations hold a history of every step; the largest seen in the wild are some hundred KiB. */
export const CONFIG_BYTES = 8 << 20;
/** overlayfs stacks at most 500 lower layers (OVL_MAX_STACK); Docker stops at 127. */
const LAYERS = 256;
/** An index names the images of some platforms; a store's own, all of its images and what is attached to them. */
const INDEX_ENTRIES = 10_000;
const STORE_ENTRIES = 200_000;
const STORE_INDEX_BYTES = 128 << 20;
/** 1 TiB: no layer is larger, and every sum of sizes stays a safe integer. */
const BLOB_BYTES = 2 ** 40;

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'not a sha256 digest');
const texts = z.record(z.string(), z.string());
const size = z.int().min(0).max(BLOB_BYTES);
const isOneOf =
  (known: readonly string[]) =>
  (type: string): boolean =>
    known.includes(type);

const descriptor = z.object({
  mediaType: z.string().max(255),
  digest,
  size,
  annotations: optional(texts),
});

const manifest = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().refine(isOneOf(MANIFEST_TYPES), 'not an image manifest').default(OCI_MANIFEST),
  config: descriptor.extend({
    mediaType: z.string().refine(isOneOf(CONFIG_TYPES), 'not an image configuration: an artifact is not an image'),
    size: size.max(CONFIG_BYTES),
  }),
  layers: z
    .array(
      descriptor.extend({
        mediaType: z.string().refine((type) => compressionOf(type) !== null, 'not a layer that Kiln can read'),
      }),
    )
    .max(LAYERS),
  annotations: optional(texts),
});

const layered = z.object({ schemaVersion: z.literal(2), layers: z.array(descriptor).max(LAYERS) });

/** OCI 1.1 only: Docker's manifests have no subject. */
const artifact = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.literal(OCI_MANIFEST),
  artifactType: optional(z.string().min(1).max(255)),
  config: descriptor,
  layers: z.array(descriptor).max(LAYERS),
  subject: descriptor,
  annotations: optional(texts),
});

const platform = z.object({ architecture: z.string(), os: z.string(), variant: optional(z.string()) });

const indexOf = (mostEntries: number) =>
  z.object({
    schemaVersion: z.literal(2),
    mediaType: z.string().refine(isOneOf(INDEX_TYPES), 'not an image index').default(OCI_INDEX),
    manifests: z
      .array(descriptor.extend({ platform: optional(platform), artifactType: optional(z.string().max(255)) }))
      .max(mostEntries),
    annotations: optional(texts),
  });

const index = indexOf(INDEX_ENTRIES);
const storeIndex = indexOf(STORE_ENTRIES);

const config = z.object({
  architecture: z.string().min(1),
  os: z.string().min(1),
  created: optional(z.string()),
  // Docker writes null for every member that was not set, and some builders leave the whole of it out.
  config: z
    .object({
      User: optional(z.string()),
      ExposedPorts: optional(z.record(z.string(), z.record(z.string(), z.never()))),
      Env: optional(z.array(z.string())),
      Entrypoint: optional(z.array(z.string())),
      Cmd: optional(z.array(z.string())),
      WorkingDir: optional(z.string()),
      Labels: optional(texts),
      StopSignal: optional(z.string()),
    })
    .nullish()
    .transform((value) => value ?? {}),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(digest).max(LAYERS) }),
  history: optional(
    z.array(
      z.object({
        created: optional(z.string()),
        created_by: optional(z.string()),
        comment: optional(z.string()),
        empty_layer: optional(z.boolean()),
      }),
    ),
  ),
});

export interface Manifest {
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ArtifactManifest {
  readonly artifactType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject: Descriptor;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface IndexEntry extends Descriptor {
  /** Only of artifacts, and not of all that strangers write. */
  readonly artifactType?: string;
  readonly platform?: { readonly architecture: string; readonly os: string; readonly variant?: string };
}

export interface ImageIndex {
  readonly mediaType: string;
  readonly manifests: readonly IndexEntry[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** `what` names the document in the error: `manifest sha256:…`. */
export function parseManifest(bytes: Uint8Array, what: string): Manifest {
  const { schemaVersion: _, ...rest } = parse(manifest, bytes, what, MANIFEST_BYTES);
  return dropUndefined({ ...rest, annotations: rest.annotations ?? {} }) as Manifest;
}

export function parseIndex(bytes: Uint8Array, what: string): ImageIndex {
  const { schemaVersion: _, ...rest } = parse(index, bytes, what, MANIFEST_BYTES);
  return dropUndefined({ ...rest, annotations: rest.annotations ?? {} }) as ImageIndex;
}

/** index.json of a layout. */
export function parseStoreIndex(bytes: Uint8Array, what: string): ImageIndex {
  const { schemaVersion: _, ...rest } = parse(storeIndex, bytes, what, STORE_INDEX_BYTES);
  return dropUndefined({ ...rest, annotations: rest.annotations ?? {} }) as ImageIndex;
}

/** A manifest with a subject. Its type is that of its configuration where it says none (image-spec 1.1, manifest.md). */
export function parseArtifact(bytes: Uint8Array, what: string): ArtifactManifest {
  const { artifactType, config, layers, subject, annotations } = parse(artifact, bytes, what, MANIFEST_BYTES);
  const type = artifactType ?? config.mediaType;
  return dropUndefined({ artifactType: type, config, layers, subject, annotations: annotations ?? {} }) as ArtifactManifest;
}

/** The layers of an OCI manifest of whatever kind. */
export function parseLayers(bytes: Uint8Array, what: string): readonly Descriptor[] {
  return dropUndefined(parse(layered, bytes, what, MANIFEST_BYTES).layers) as readonly Descriptor[];
}

export function parseConfig(bytes: Uint8Array, what: string): ImageConfig {
  return dropUndefined(parse(config, bytes, what, CONFIG_BYTES)) as ImageConfig;
}

/** The media type that a manifest or index says it is of; OCI's own may leave it out, and then its members tell. */
export function mediaTypeOf(bytes: Uint8Array, what: string): string {
  const said = parse(
    z.object({ mediaType: optional(z.string()), manifests: z.unknown().optional(), layers: z.unknown().optional() }),
    bytes,
    what,
    MANIFEST_BYTES,
  );
  // Both kinds of members at once would be read differently by different tools (CVE-2021-41190).
  if (said.manifests !== undefined && said.layers !== undefined) throw invalid(what, 'it is both a manifest and an index');
  return said.mediaType ?? (said.manifests === undefined ? OCI_MANIFEST : OCI_INDEX);
}

export function invalid(what: string, why: string, cause?: unknown): KilnError {
  return new KilnError('IMAGE_INVALID', `${what} breaks the image specification: ${why}`, {
    hint: 'get the image again from its source, or have its publisher mend it',
    cause,
  });
}

function parse<T extends z.ZodType>(schema: T, bytes: Uint8Array, what: string, limit: number): z.output<T> {
  if (bytes.length > limit) throw invalid(what, `it is ${bytes.length} bytes, more than the ${limit} allowed`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(what, 'it is not JSON', cause);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw invalid(what, `${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'malformed'}`);
}

/** Absent and null are the same, as in Go, in which nearly every image's documents were written. */
function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** Zod keeps optional members as undefined; the contracts say that they are absent (exactOptionalPropertyTypes). */
function dropUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropUndefined);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key, dropUndefined(member)]),
  );
}
