/** From the store into a registry: the blobs that it lacks, then the manifest, byte for byte. Tags there are as immutable as here. */
import { readFile } from 'node:fs/promises';

import { type Digest, isDigest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { sha256 } from '../platform/hash.ts';
import { textBody } from './http-connection.ts';
import { protocolError, retrying } from './http.ts';
import { inParallel } from './parallel.ts';
import { nameIn, progressOf, type TransferOptions } from './pull.ts';
import { formatReference, parseReference, type Reference } from './references.ts';
import { Registry } from './registry.ts';
import { mediaTypeOf, parseManifest } from './schema.ts';
import type { Descriptor, Image, ImageStore } from './store.ts';
import { checkTag } from './tags.ts';
import { Upload, type UploadMemory, type UploadOutcome } from './upload.ts';

export interface PushOptions extends TransferOptions {
  /** Blobs larger than this are sent in chunks of it. Default: 8 MiB. */
  readonly chunkBytes?: number;
  /** Default: an upload is gone on with as long as this process lives. */
  readonly uploads?: UploadMemory;
}

/** How many blobs the registry had, took over from another repository, or was sent. */
export type PushCounts = Readonly<Record<UploadOutcome, number>>;

const AT_A_TIME = 4;
const CHUNK_BYTES = 8 << 20;
const BASE_NAME = 'org.opencontainers.image.base.name';

/**
 * Under the reference's tag, or by digest where it has none. The same again does nothing. Throws TAG_REFUSED for `latest`,
 * TAG_IMMUTABLE where the registry has another image under the tag.
 */
export async function pushImage(
  digest: Digest,
  reference: Reference | string,
  store: ImageStore,
  options: PushOptions = {},
): Promise<PushCounts> {
  const wanted = typeof reference === 'string' ? parseReference(reference) : reference;
  const to = wanted.tag ?? digest;
  if (wanted.tag !== null) checkTag(formatReference({ ...wanted, digest: null }));
  if (wanted.tag === null && nameIn(wanted) !== digest) throw tagTaken(formatReference(wanted), digest);
  const image = await store.image(digest);
  const bytes = await readFile(await store.blobPath(digest));
  const manifest = parseManifest(bytes, `manifest ${digest}`);
  const blobs = [...new Map([manifest.config, ...manifest.layers].map((part) => [part.digest, part])).values()];
  const registry = new Registry(wanted, options);
  const isThere = async (): Promise<boolean> => {
    const found = await registry.find(to, [registry.pushScope]);
    if (found !== null && found.digest !== digest) throw tagTaken(formatReference(wanted), found.digest);
    return found !== null;
  };
  if (await isThere()) return { there: blobs.length, mounted: 0, sent: 0 };
  const counts = await pushBlobs(registry, blobs, store, { ...options, mountFrom: repositoryOfBase(image, registry) });
  // Somebody else may have been quicker.
  if (!(await isThere())) await putManifest(registry, bytes, to);
  return counts;
}

/** The blobs that the registry lacks, several at a time. */
export async function pushBlobs(
  registry: Registry,
  blobs: readonly Descriptor[],
  store: ImageStore,
  options: PushOptions & { readonly mountFrom: string | null },
): Promise<PushCounts> {
  const { mountFrom, chunkBytes = CHUNK_BYTES, uploads: memory = memoryOfProcess() } = options;
  const scopes = [registry.pushScope];
  const progress = progressOf(blobs, options.onProgress ?? (() => {}));
  const counts = { there: 0, mounted: 0, sent: 0 };
  await inParallel(blobs, AT_A_TIME, async (blob) => {
    const report = progress(blob);
    const path = await store.blobPath(blob.digest);
    let furthest = 0;
    const upload = new Upload(registry, { ...blob, path }, { scopes, chunkBytes, memory, mountFrom }, (done, moved) => {
      furthest = Math.max(furthest, done);
      // Sent is not yet taken: the last byte counts when the registry says so.
      report(Math.min(done, blob.size - 1), moved);
    });
    await retrying(
      registry.name,
      registry.transport,
      async () => void (counts[await upload.run()] += 1),
      () => furthest,
    );
    report(blob.size, 0);
  });
  return counts;
}

/** By tag or digest. Throws REGISTRY_PROTOCOL where the registry says that it stored something else. The headers of its answer. */
export async function putManifest(registry: Registry, bytes: Buffer, to: string): Promise<Headers> {
  const path = `${registry.repository}/manifests/${to}`;
  const digest = sha256(bytes);
  const headers = { 'content-type': mediaTypeOf(bytes, digest) };
  const scopes = [registry.pushScope];
  return retrying(registry.name, registry.transport, async () => {
    const answer = await registry.call({ method: 'PUT', path, headers, body: textBody(bytes), scopes });
    if (answer.status !== 201) throw await registry.refusal(answer, `the manifest of ${to}`);
    answer.cancel();
    const said = answer.headers.get('docker-content-digest');
    if (said !== null && isDigest(said) && said !== digest)
      throw protocolError(answer.url, `it stored the manifest as ${said}, not ${digest}`);
    return answer.headers;
  });
}

function memoryOfProcess(): UploadMemory {
  const known = new Map<string, string>();
  return {
    recall: async (key) => known.get(key) ?? null,
    keep: async (key, location) => void known.set(key, location),
    forget: async (key) => void known.delete(key),
  };
}

/** An image's base is likely where its lower layers are already. Null where it comes from elsewhere. */
function repositoryOfBase(image: Image, registry: Registry): string | null {
  try {
    const base = parseReference(image.annotations[BASE_NAME] ?? '');
    return base.registry === registry.name && base.repository !== registry.repository ? base.repository : null;
  } catch {
    return null;
  }
}

function tagTaken(reference: string, other: Digest): KilnError {
  return new KilnError('TAG_IMMUTABLE', `${reference} names ${other} already`, {
    hint: 'push under a new version; what runs in production must not depend on when a tag was read',
  });
}
