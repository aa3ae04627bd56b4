/** From a registry into the store: the manifest of this machine's platform, then what it names, each byte proven by its digest. */
import { Readable } from 'node:stream';

import type { Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { retrying } from './http.ts';
import { INDEX_TYPES } from './media-types.ts';
import { inParallel } from './parallel.ts';
import { formatReference, parseReference, type Reference } from './references.ts';
import { type FetchedManifest, Registry, type RegistryOptions } from './registry.ts';
import { type IndexEntry, parseIndex, parseManifest } from './schema.ts';
import type { Descriptor, ImageStore } from './store.ts';

export interface Progress {
  /** Of the image's blobs; what was in place already counts as done. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface TransferOptions extends RegistryOptions {
  readonly onProgress?: (progress: Progress) => void;
}

const AT_A_TIME = 4;

/** What a reference names now, as the registry has it: an image, or an index of images for several platforms. */
export async function resolveReference(
  reference: Reference | string,
  options: RegistryOptions = {},
): Promise<{ digest: Digest; mediaType: string }> {
  const wanted = typeof reference === 'string' ? parseReference(reference) : reference;
  const found = await new Registry(wanted, options).find(nameIn(wanted));
  if (found !== null) return { digest: found.digest, mediaType: found.mediaType };
  throw new KilnError('IMAGE_NOT_FOUND', `${formatReference(wanted)} is not in the registry`, {
    hint: 'check the name and tag; private images also answer so without a login',
  });
}

/**
 * Pulls the image for linux on this machine's processor and answers its digest: that of the manifest, byte for byte as the
 * registry has it. Again is quick; after a failure it goes on where it stopped. The signal's reason is thrown when it fires.
 */
export async function pullImage(
  reference: Reference | string,
  store: ImageStore,
  options: TransferOptions = {},
): Promise<Digest> {
  const wanted = typeof reference === 'string' ? parseReference(reference) : reference;
  const registry = new Registry(wanted, options);
  const fetched = await manifestOfPlatform(registry, nameIn(wanted));
  const manifest = parseManifest(fetched.bytes, `manifest ${fetched.digest}`);
  const blobs = [...new Map([manifest.config, ...manifest.layers].map((part) => [part.digest, part])).values()];
  const progress = progressOf(blobs, options.onProgress ?? (() => {}));
  await inParallel(blobs, AT_A_TIME, (blob) => pullBlob(registry, blob, store, progress(blob)));
  return store.putManifest(fetched.bytes, fetched.digest);
}

/** The digest where there is one; else the tag. Nothing is guessed: `latest` was never what anybody meant. */
export function nameIn(reference: Reference): string {
  const name = reference.digest ?? reference.tag;
  if (name !== null) return name;
  throw new KilnError('REFERENCE_INVALID', `${formatReference(reference)} has neither tag nor digest`, {
    hint: 'name the version that is meant, as in debian:bookworm; Kiln does not assume `latest`',
  });
}

async function manifestOfPlatform(registry: Registry, name: string): Promise<FetchedManifest> {
  const fetched = await registry.manifest(name);
  if (!INDEX_TYPES.includes(fetched.mediaType)) return fetched;
  const { manifests } = parseIndex(fetched.bytes, `index ${fetched.digest}`);
  const fitting = manifests.find((entry) => fits(entry, hostArchitecture()));
  if (fitting !== undefined) return registry.manifest(fitting.digest);
  const offered = manifests.map(({ platform }) => `${platform?.os ?? '?'}/${platform?.architecture ?? '?'}`).join(', ');
  throw new KilnError(
    'IMAGE_NOT_FOUND',
    `${registry.repository} has no image for linux/${hostArchitecture()}, only: ${offered}`,
    {
      hint: 'use an image that is built for this processor',
    },
  );
}

/** As Go names it, and so every platform in an index. */
const hostArchitecture = (): string => ({ x64: 'amd64', ia32: '386' })[process.arch as string] ?? process.arch;

const fits = ({ platform }: IndexEntry, architecture: string): boolean =>
  platform?.os === 'linux' && platform.architecture === architecture;

async function pullBlob(registry: Registry, blob: Descriptor, store: ImageStore, report: (done: number) => void): Promise<void> {
  let furthest = 0;
  const openAt = async (offset: number): Promise<{ content: Readable; offset: number }> => {
    const opened = await registry.blob(blob.digest, offset);
    return { ...opened, content: Readable.from(counted(opened.content, opened.offset), { objectMode: false }) };
  };
  async function* counted(content: Readable, offset: number): AsyncGenerator<Buffer> {
    let done = offset;
    for await (const chunk of content) {
      yield chunk as Buffer;
      done += (chunk as Buffer).length;
      furthest = Math.max(furthest, done);
      report(Math.min(done, blob.size));
    }
  }
  const fetchBlob = (): Promise<void> => store.fetchBlob(blob, openAt);
  await retrying(registry.name, registry.transport, fetchBlob, () => furthest);
  report(blob.size);
}

function progressOf(
  blobs: readonly Descriptor[],
  onProgress: (progress: Progress) => void,
): (blob: Descriptor) => (done: number) => void {
  const totalBytes = blobs.reduce((sum, blob) => sum + blob.size, 0);
  const done = new Map<Digest, number>();
  return (blob) => (bytes) => {
    done.set(blob.digest, bytes);
    onProgress({ doneBytes: [...done.values()].reduce((sum, part) => sum + part, 0), totalBytes });
  };
}
