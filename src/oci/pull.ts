/** From a registry into the store: the manifest of one platform, then what it names, each byte proven by its digest. */
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';

import type { Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { type Neighbour, neighbourOf, stepsOf } from './delta/neighbour.ts';
import type { Content } from './delta/content.ts';
import { takeDelta, type Wanted } from './delta/take.ts';
import { retrying } from './http.ts';
import { INDEX_TYPES } from './media-types.ts';
import { inParallel } from './parallel.ts';
import { checkPlatform, chooseEntry, hostPlatform, type Platform } from './platform.ts';
import { formatReference, parseReference, type Reference } from './references.ts';
import type { FetchedManifest, Registry, RegistryOptions } from './registry.ts';
import { CONFIG_BYTES, invalid, parseConfig, parseIndex, parseManifest } from './schema.ts';
import { Sources } from './sources.ts';
import type { Descriptor, ImageConfig, ImageStore } from './store.ts';

export interface Progress {
  /** Of the image's blobs; what was in place already counts as done. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly doneBlobs: number;
  readonly totalBlobs: number;
  /** What went over the wire. */
  readonly movedBytes: number;
}

export interface TransferOptions extends RegistryOptions {
  readonly onProgress?: (progress: Progress) => void;
}

export interface PullOptions extends TransferOptions {
  /** Default: linux on this machine's processor. */
  readonly platform?: Platform;
  /** Called once it is clear which image it is, before its content is fetched. What it throws ends the pull. */
  readonly onChosen?: (digest: Digest) => Promise<void>;
}

const AT_A_TIME = 4;
/** An index may name another, which some builders do; more is a riddle. */
const INDEX_DEPTH = 3;

/** What a reference names now, as the registry has it: an image, or an index of images for several platforms. */
export async function resolveReference(
  reference: Reference | string,
  options: RegistryOptions = {},
): Promise<{ digest: Digest; mediaType: string }> {
  const wanted = typeof reference === 'string' ? parseReference(reference) : reference;
  const found = await new Sources(wanted, options).first((registry) => registry.find(nameIn(wanted)));
  if (found !== null) return { digest: found.digest, mediaType: found.mediaType };
  throw new KilnError('IMAGE_NOT_FOUND', `${formatReference(wanted)} is not in the registry`, {
    hint: 'check the name and tag; private images also answer so without a login',
  });
}

/**
 * Pulls the image of one platform and answers its digest: that of the manifest, byte for byte as the registry has it. Again
 * is quick; after a failure it goes on where it stopped. The signal's reason is thrown when it fires.
 */
export async function pullImage(reference: Reference | string, store: ImageStore, options: PullOptions = {}): Promise<Digest> {
  const wanted = typeof reference === 'string' ? parseReference(reference) : reference;
  const sources = new Sources(wanted, options);
  const platform = options.platform ?? hostPlatform();
  const fetched = await manifestOfPlatform(sources, nameIn(wanted), platform);
  const manifest = parseManifest(fetched.bytes, `manifest ${fetched.digest}`);
  await options.onChosen?.(fetched.digest);
  const blobs = [...new Map([manifest.config, ...manifest.layers].map((part) => [part.digest, part])).values()];
  const progress = progressOf(blobs, options.onProgress ?? (() => {}));
  const newcomer = { digest: null, layers: manifest.layers, name: formatReference({ ...wanted, tag: null, digest: null }) };
  const neighbour = await neighbourOf(newcomer, store);
  // Before gigabytes of layers: is it for this machine?
  const olderConfig = (await neighbour?.config()) ?? [];
  await pullFromOld(sources, { descriptor: manifest.config, isLayer: false }, olderConfig, store, progress(manifest.config));
  const config = parseConfig(await readAll(store, manifest.config), `configuration ${manifest.config.digest}`);
  checkPlatform(config, platform, sources.registry.repository);
  const layers = blobs.filter((blob) => blob.digest !== manifest.config.digest);
  await inParallel(layers, AT_A_TIME, async (blob) => {
    const old = await olderLayers(neighbour, blob, manifest.layers, config);
    await pullFromOld(sources, { descriptor: blob, isLayer: true }, old, store, progress(blob));
  });
  return store.putManifest(fetched.bytes, fetched.digest);
}

/** Only of layers that Kiln's own steps made: others' are not compressed as Kiln compresses. */
async function olderLayers(
  neighbour: Neighbour | null,
  blob: Descriptor,
  layers: readonly Descriptor[],
  config: ImageConfig,
): Promise<readonly Content[]> {
  const step = stepsOf(config)[layers.findIndex(({ digest }) => digest === blob.digest)];
  return step?.startsWith('kiln: ') === true ? ((await neighbour?.layers(blob, step)) ?? []) : [];
}

/** One blob into the store: from another Kiln by what is new against the old contents, else whole. */
export async function pullFromOld(
  sources: Sources,
  wanted: Wanted,
  old: readonly Content[],
  store: ImageStore,
  report: (done: number, moved: number) => void,
): Promise<void> {
  const { descriptor } = wanted;
  const onMoved = (bytes: number): void => report(0, bytes);
  const taken = await sources.first(async (registry) => (await takeDelta(registry, wanted, old, { store, onMoved })) || null);
  if (taken === null) await pullBlob(sources, descriptor, store, report);
  else report(descriptor.size, 0);
}

/** The digest where there is one; else the tag. Nothing is guessed: `latest` was never what anybody meant. */
export function nameIn(reference: Reference): string {
  const name = reference.digest ?? reference.tag;
  if (name !== null) return name;
  throw new KilnError('REFERENCE_INVALID', `${formatReference(reference)} has neither tag nor digest`, {
    hint: 'name the version that is meant, as in debian:bookworm; Kiln does not assume `latest`',
  });
}

async function manifestOfPlatform(sources: Sources, name: string, platform: Platform): Promise<FetchedManifest> {
  let wanted = name;
  for (let depth = 0; depth < INDEX_DEPTH; depth += 1) {
    const fetched = await manifestNamed(sources, wanted);
    if (!INDEX_TYPES.includes(fetched.mediaType)) return fetched;
    const { manifests } = parseIndex(fetched.bytes, `index ${fetched.digest}`);
    wanted = chooseEntry(manifests, platform, sources.registry.repository).digest;
  }
  throw invalid(`index ${name}`, 'it is an index of indexes of indexes');
}

async function manifestNamed(sources: Sources, name: string): Promise<FetchedManifest> {
  const fetched = await sources.first((registry) => registry.manifest(name));
  if (fetched === null) throw new RangeError('a registry answers with a manifest or an error');
  return fetched;
}

async function readAll(store: ImageStore, { digest, size }: Descriptor): Promise<Buffer> {
  if (size > CONFIG_BYTES) throw invalid(`blob ${digest}`, `it is ${size} bytes, more than the ${CONFIG_BYTES} allowed`);
  return readFile(await store.blobPath(digest));
}

/** One blob into the store, from the first source that has it. `report`: done so far, and how much of that was moved now. */
export async function pullBlob(
  sources: Sources,
  blob: Descriptor,
  store: ImageStore,
  report: (done: number, moved: number) => void,
): Promise<void> {
  await sources.first(async (registry) => {
    await pullFrom(registry, blob, store, report);
    return blob;
  });
}

async function pullFrom(
  registry: Registry,
  blob: Descriptor,
  store: ImageStore,
  report: (done: number, moved: number) => void,
): Promise<void> {
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
      report(Math.min(done, blob.size), (chunk as Buffer).length);
    }
  }
  const fetchBlob = (): Promise<void> => store.fetchBlob(blob, openAt);
  await retrying(registry.name, registry.transport, fetchBlob, () => furthest);
  report(blob.size, 0);
}

/** Counts over all blobs: how far each is, and what was moved. A blob is done when it has its whole size. */
export function progressOf(
  blobs: readonly Descriptor[],
  onProgress: (progress: Progress) => void,
): (blob: Descriptor) => (done: number, moved: number) => void {
  const totalBytes = blobs.reduce((sum, blob) => sum + blob.size, 0);
  const done = new Map<Digest, number>();
  let [movedBytes, doneBytes, doneBlobs] = [0, 0, 0];
  return (blob) => (bytes, moved) => {
    const before = done.get(blob.digest) ?? -1;
    done.set(blob.digest, bytes);
    doneBytes += bytes - Math.max(before, 0);
    doneBlobs += (bytes === blob.size ? 1 : 0) - (before === blob.size ? 1 : 0);
    movedBytes += moved;
    onProgress({ doneBytes, totalBytes, doneBlobs, totalBlobs: blobs.length, movedBytes });
  };
}
