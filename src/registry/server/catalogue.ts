/**
 * What of the store is served: of the images that are offered those that have a tag by it, and each and its evidence by
 * digest, and the blobs of these.
 * Nothing else that lies in the store's folder. Read only.
 */
import type { Digest } from '../../domain/digest.ts';
import { parseReference } from '../../oci/references.ts';
import { MANIFEST_BYTES, mediaTypeOf, parseArtifact, parseManifest } from '../../oci/schema.ts';
import type { ImageStore, Referrer } from '../../oci/store.ts';

export interface Served {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Evidence of an image, and evidence of that. */
const DEPTH = 2;
/** Whoever asks for what is not there makes Kiln look no more often than this. */
const LOOK_EVERY_MS = 1_000;

export class Catalogue {
  readonly #store: ImageStore;
  readonly #isOffered: (image: Digest) => Promise<boolean>;
  /** Manifests that are served, images and evidence. */
  #manifests: ReadonlySet<Digest> = new Set();
  readonly #blobs = new Set<Digest>();
  #looked: { readonly at: number; readonly done: Promise<void> } = { at: Number.NEGATIVE_INFINITY, done: Promise.resolve() };

  constructor(store: ImageStore, isOffered: (image: Digest) => Promise<boolean>) {
    this.#store = store;
    this.#isOffered = isOffered;
  }

  async repositories(): Promise<readonly string[]> {
    return [...(await this.#names()).keys()].toSorted();
  }

  /** Null: there is no such repository. */
  async tags(repository: string): Promise<readonly string[] | null> {
    const tags = (await this.#names()).get(repository);
    return tags === undefined ? null : [...tags.keys()].toSorted();
  }

  /** By tag within its repository; by digest, whatever the repository: the store has only one. */
  async manifest(repository: string, reference: string): Promise<Served | null> {
    const digest = reference.includes(':') ? (reference as Digest) : (await this.#names()).get(repository)?.get(reference);
    if (digest === undefined || !(await this.#has(() => this.#manifests.has(digest))) || !(await this.#isOffered(digest)))
      return null;
    const bytes = await this.#store.readBlob(digest, MANIFEST_BYTES).catch(() => null);
    return bytes === null ? null : { digest, bytes, mediaType: mediaTypeOf(bytes, digest) };
  }

  /** The path of a blob that an image or its evidence names. */
  async blob(digest: Digest): Promise<string | null> {
    if (!(await this.#has(() => this.#blobs.has(digest) || this.#manifests.has(digest)))) return null;
    return this.#store.blobPath(digest).catch(() => null);
  }

  referrers(subject: Digest): Promise<readonly Referrer[]> {
    return this.#store.referrers(subject);
  }

  async #has(known: () => boolean): Promise<boolean> {
    if (known()) return true;
    const now = performance.now();
    if (now - this.#looked.at >= LOOK_EVERY_MS) this.#looked = { at: now, done: this.#look() };
    await this.#looked.done;
    if (known()) return true;
    // What came since the last look: clients ask for a tag as soon as somebody has told them of it.
    return this.#isNew().then(async (isNew) => {
      if (!isNew) return false;
      this.#looked = { at: performance.now(), done: this.#look() };
      await this.#looked.done;
      return known();
    });
  }

  async #isNew(): Promise<boolean> {
    return (await this.#store.list()).some(({ digest }) => !this.#manifests.has(digest));
  }

  async #look(): Promise<void> {
    const found = new Set<Digest>();
    for (const { digest } of await this.#store.list()) await this.#add(digest, found, DEPTH);
    this.#manifests = found;
  }

  async #add(digest: Digest, found: Set<Digest>, depth: number): Promise<void> {
    found.add(digest);
    if (!this.#manifests.has(digest)) await this.#addBlobs(digest);
    if (depth === 0) return;
    for (const referrer of await this.#store.referrers(digest)) await this.#add(referrer.digest, found, depth - 1);
  }

  /** A damaged one is served no blobs of. */
  async #addBlobs(digest: Digest): Promise<void> {
    const bytes = await this.#store.readBlob(digest, MANIFEST_BYTES).catch(() => null);
    if (bytes === null) return;
    try {
      const { config, layers } = isArtifact(bytes) ? parseArtifact(bytes, digest) : parseManifest(bytes, digest);
      for (const blob of [config, ...layers]) this.#blobs.add(blob.digest);
    } catch {
      // Not what it was when it came into the store.
    }
  }

  async #names(): Promise<ReadonlyMap<string, ReadonlyMap<string, Digest>>> {
    const names = new Map<string, Map<string, Digest>>();
    for (const { digest, tags } of await this.#store.list()) {
      if (tags.length > 0 && !(await this.#isOffered(digest))) continue;
      for (const tag of tags) {
        const [repository, version] = servedAs(tag);
        if (repository === null) continue;
        const versions = names.get(repository) ?? new Map<string, Digest>();
        names.set(repository, versions.set(version, digest));
      }
    }
    return names;
  }
}

const isArtifact = (bytes: Uint8Array): boolean => Buffer.from(bytes).includes('"subject"');

/**
 * `web:1.2.0` is the tag 1.2.0 of the repository web; an image from elsewhere, `registry.example:5000/web:1`, that of
 * registry.example_5000/web: a colon can't stand in a repository's name.
 */
function servedAs(tag: string): [repository: string | null, version: string] {
  const colon = tag.lastIndexOf(':');
  const [name, version] = [tag.slice(0, colon).replaceAll(':', '_'), tag.slice(colon + 1)];
  try {
    parseReference(`served.invalid/${name}:${version}`);
    return [name, version];
  } catch {
    return [null, version];
  }
}
