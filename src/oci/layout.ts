/**
 * The image store on disk: an OCI image layout. It owns the folder. Other tools may read it at any time; only one process
 * may write it at a time (the daemon), within which any number of callers may.
 */
import { mkdir } from 'node:fs/promises';
import type { Readable } from 'node:stream';

import type { Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import { sha256 } from '../platform/hash.ts';
import { artifactManifest, attachedTo, checkArtifact, Subjects } from './artifacts.ts';
import { absent, BlobFolder, type Expected, type OpenAt } from './blobs.ts';
import { planGc, removeAbandoned, rootsAmong, usedBlobs } from './gc.ts';
import { IndexFile, storedImages, tagOf, withImage, withTag } from './index-file.ts';
import { openTar } from './layer-tar.ts';
import { MANIFEST_TYPES, OCI_CONFIG, OCI_MANIFEST } from './media-types.ts';
import {
  CONFIG_BYTES,
  type IndexEntry,
  invalid,
  type Manifest,
  MANIFEST_BYTES,
  mediaTypeOf,
  parseArtifact,
  parseConfig,
  parseManifest,
} from './schema.ts';
import type { Artifact, GcPlan, Image, ImageConfig, ImageStore, Layer, Referrer, StoredImage } from './store.ts';
import { checkTag, findImage, requireFree } from './tags.ts';

/** Makes the layout where there is none. Opening one that is there writes nothing. Throws IMAGE_INVALID for anything else. */
export async function openImageStore(folder: string): Promise<ImageStore> {
  const index = new IndexFile(folder);
  const blobs = new BlobFolder(folder);
  await mkdir(blobs.folder, { recursive: true });
  await index.open();
  return new Layout(blobs, index);
}

class Layout implements ImageStore {
  readonly #blobs: BlobFolder;
  readonly #index: IndexFile;
  readonly #subjects: Subjects;

  constructor(blobs: BlobFolder, index: IndexFile) {
    this.#blobs = blobs;
    this.#index = index;
    this.#subjects = new Subjects(blobs);
  }

  async image(digest: Digest): Promise<Image> {
    const bytes = await this.#blobs.read(digest, MANIFEST_BYTES);
    const manifest = readManifest(bytes, digest);
    const { config, layers } = await this.#checkParts(manifest, digest);
    const size = [manifest.config, ...manifest.layers].reduce((sum, part) => sum + part.size, bytes.length);
    return { digest, config, layers, annotations: manifest.annotations, size };
  }

  async resolve(reference: string): Promise<Digest> {
    return findImage(reference, await this.list());
  }

  async list(): Promise<readonly StoredImage[]> {
    return storedImages((await this.#index.read()).manifests);
  }

  async tag(digest: Digest, tag: string): Promise<void> {
    checkTag(tag);
    await this.#index.change((entries) => {
      if (!entries.some((entry) => entry.digest === digest)) throw absent(digest);
      requireFree(tag, digest, storedImages(entries));
      return entries.some((entry) => tagOf(entry) === tag) ? null : withTag(entries, digest, tag);
    });
  }

  hasBlob(digest: Digest, size?: number): Promise<boolean> {
    return Promise.resolve(this.#blobs.touch(digest, size));
  }

  async blobPath(digest: Digest): Promise<string> {
    if (!(await this.hasBlob(digest))) throw absent(digest);
    return this.#blobs.pathOf(digest);
  }

  putBlob(content: Readable | Uint8Array, expected?: Expected): Promise<{ digest: Digest; size: number }> {
    return this.#blobs.put(content, expected);
  }

  fetchBlob(expected: Required<Expected>, openAt: OpenAt): Promise<void> {
    return this.#blobs.fetch(expected, openAt);
  }

  async putImage(config: ImageConfig, layers: readonly Layer[], annotations: Readonly<Record<string, string>>): Promise<Digest> {
    const configBytes = Buffer.from(canonicalJson(config));
    const stored = await this.#blobs.put(configBytes);
    const manifest = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: stored.digest, size: stored.size },
      layers: layers.map((layer) => layer.descriptor),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    };
    return this.putManifest(Buffer.from(canonicalJson(manifest)));
  }

  async putManifest(bytes: Uint8Array, expected?: Digest): Promise<Digest> {
    const manifest = readManifest(bytes, expected ?? sha256(bytes));
    await this.#checkParts(manifest, expected ?? sha256(bytes));
    const { digest, size } = await this.#blobs.put(bytes, expected === undefined ? {} : { digest: expected });
    await this.#index.change((entries) => withImage(entries, { mediaType: manifest.mediaType, digest, size }, Date.now()));
    return digest;
  }

  async openLayer(layer: Layer): Promise<Readable> {
    return openTar(await this.blobPath(layer.descriptor.digest), layer);
  }

  async attach(subject: Digest, artifact: Artifact): Promise<Digest> {
    const { mediaType, digest, size } = await this.#entry(subject);
    const bytes = await artifactManifest(this.#blobs, { mediaType, digest, size }, artifact);
    return this.attachManifest(subject, bytes);
  }

  async attachManifest(subject: Digest, bytes: Uint8Array, expected?: Digest): Promise<Digest> {
    const name = expected ?? sha256(bytes);
    const manifest = parseArtifact(bytes, `artifact ${name}`);
    await checkArtifact(this.#blobs, name, subject, manifest);
    this.#blobs.touch(subject); // Its subject must not be collected under its hands.
    const { digest, size } = await this.#blobs.put(bytes, expected === undefined ? {} : { digest: expected });
    const entry = { mediaType: OCI_MANIFEST, digest, size, artifactType: manifest.artifactType };
    await this.#index.change((entries) => {
      if (!entries.some((each) => each.digest === subject)) throw absent(subject);
      return withImage(entries, entry, Date.now());
    });
    return digest;
  }

  async referrers(subject: Digest): Promise<readonly Referrer[]> {
    const { manifests } = await this.#index.read();
    return (await this.#subjects.among(manifests)).filter((artifact) => artifact.subject === subject);
  }

  readBlob(digest: Digest, limitBytes: number): Promise<Uint8Array> {
    return this.#blobs.read(digest, limitBytes);
  }

  async planGc(keep: ReadonlySet<Digest>, graceMs: number): Promise<GcPlan> {
    const { manifests } = await this.#index.read();
    return planGc(this.#blobs, { manifests, artifacts: await this.#subjects.among(manifests), keep }, Date.now() - graceMs);
  }

  async collect(plan: GcPlan): Promise<void> {
    const old = (digest: Digest): boolean => this.#blobs.touchedAt(digest) <= plan.before;
    const leaving = new Set(plan.images.map((image) => image.digest).filter(old));
    const artifacts = await this.#subjects.among((await this.#index.read()).manifests);
    await this.#index.change((entries) => {
      const staying = entries.filter((entry) => !leaving.has(entry.digest));
      const planned = new Set(plan.artifacts.filter(old));
      const held = new Set(attachedTo(rootsAmong(staying, artifacts), artifacts).map(({ digest }) => digest));
      return staying.filter(({ digest }) => !planned.has(digest) || held.has(digest));
    });
    const { manifests } = await this.#index.read();
    const { used, unreadable } = await usedBlobs(
      this.#blobs,
      manifests.map((entry) => entry.digest),
    );
    const free = unreadable.length === 0 ? plan.blobs : [];
    for (const digest of free) if (!used.has(digest)) this.#blobs.removeUntouched(digest, plan.before);
    await removeAbandoned(this.#blobs, Date.now());
  }

  async #entry(digest: Digest): Promise<IndexEntry> {
    const entry = (await this.#index.read()).manifests.find((each) => each.digest === digest);
    if (entry === undefined) throw absent(digest);
    return entry;
  }

  /** The configuration, and that it and every layer are there, in the sizes that the manifest says, one diff id a layer. */
  async #checkParts(manifest: Manifest, digest: Digest): Promise<{ config: ImageConfig; layers: readonly Layer[] }> {
    for (const part of [manifest.config, ...manifest.layers]) {
      const size = await this.#blobs.sizeOf(part.digest);
      if (size === null) throw invalid(`image ${digest}`, `its blob ${part.digest} is not in the store`);
      if (size !== part.size) throw invalid(`image ${digest}`, `its blob ${part.digest} is ${size} bytes, not ${part.size}`);
    }
    const config = parseConfig(
      await this.#blobs.read(manifest.config.digest, CONFIG_BYTES),
      `configuration ${manifest.config.digest}`,
    );
    const diffIds = config.rootfs.diff_ids;
    if (diffIds.length !== manifest.layers.length) {
      throw invalid(`image ${digest}`, `it has ${manifest.layers.length} layers, but ${diffIds.length} diff ids`);
    }
    const layers = manifest.layers.map((descriptor, at) => ({ descriptor, diffId: diffIds[at] as Digest }));
    return { config, layers };
  }
}

function readManifest(bytes: Uint8Array, digest: Digest): Manifest {
  const what = `manifest ${digest}`;
  const mediaType = mediaTypeOf(bytes, what);
  if (!MANIFEST_TYPES.includes(mediaType)) throw invalid(what, `it is a ${mediaType}, not an image's manifest`);
  return parseManifest(bytes, what);
}
