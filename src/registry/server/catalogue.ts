/**
 * What of the store is served: of the images that are offered those that have a tag by it, and each and its evidence by
 * digest, and the blobs of these.
 * Nothing else that lies in the store's folder. Read only.
 */
import type { Digest } from '../../domain/digest.ts';
import { inParallel } from '../../oci/parallel.ts';
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
const AT_A_TIME = 8;
/** Whoever asks for what is not there makes Kiln look no more often than this. */
const LOOK_EVERY_MS = 1_000;

export class Catalogue {
  readonly #store: ImageStore;
  readonly #isOffered: (image: Digest) => Promise<boolean>;
  /** Manifests that are served, images and evidence, as far as anybody has asked: all of them only for what none of these names. */
  readonly #manifests = new Set<Digest>();
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
    return tags === undefined ? null : [...tags].toSorted();
  }

  /** By tag within its repository; by digest, whatever the repository: the store has only one. */
  async manifest(repository: string, reference: string): Promise<Served | null> {
    const digest = reference.includes(':') ? (reference as Digest) : await this.#tagged(repository, reference);
    if (digest === undefined || !(await this.#isServed(digest)) || !(await this.#isOffered(digest))) return null;
    const bytes = await this.#store.readBlob(digest, MANIFEST_BYTES).catch(() => null);
    return bytes === null ? null : { digest, bytes, mediaType: mediaTypeOf(bytes, digest) };
  }

  /** The path of a blob that an image or its evidence names. */
  async blob(digest: Digest): Promise<string | null> {
    if (!(await this.#has(() => this.#blobs.has(digest) || this.#manifests.has(digest)))) return null;
    return this.#store.blobPath(digest).catch(() => null);
  }

  /** Of what is served; what is found so is served from now on. */
  async referrers(subject: Digest): Promise<readonly Referrer[]> {
    const found = await this.#store.referrers(subject);
    if (found.length > 0 && (await this.#isServed(subject))) await this.#serve(found.map(({ digest }) => digest));
    return found;
  }

  async #isServed(manifest: Digest): Promise<boolean> {
    const isImage = (await this.#images()).includes(manifest);
    if (isImage) await this.#serve([manifest]);
    return isImage || this.#has(() => this.#manifests.has(manifest));
  }

  /** Most ask for an image, and then for what its manifest names; all else is looked for. */
  async #has(known: () => boolean): Promise<boolean> {
    if (known()) return true;
    await this.#serve(await this.#images());
    if (known()) return true;
    const now = performance.now();
    if (now - this.#looked.at >= LOOK_EVERY_MS) this.#looked = { at: now, done: this.#lookAtEvidence() };
    await this.#looked.done;
    return known();
  }

  async #images(): Promise<readonly Digest[]> {
    return (await this.#store.list()).map(({ digest }) => digest);
  }

  /** What is attached to the images, and to that. */
  async #lookAtEvidence(): Promise<void> {
    let subjects = await this.#images();
    for (let depth = 0; depth < DEPTH; depth += 1) {
      const found: Digest[] = [];
      await inParallel(subjects, AT_A_TIME, async (subject) => {
        for (const { digest } of await this.#store.referrers(subject)) found.push(digest);
      });
      await this.#serve(found);
      subjects = found;
    }
  }

  async #serve(manifests: readonly Digest[]): Promise<void> {
    const more = manifests.filter((digest) => !this.#manifests.has(digest));
    await inParallel(more, AT_A_TIME, async (digest) => {
      await this.#addBlobs(digest);
      this.#manifests.add(digest);
    });
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

  async #tagged(repository: string, version: string): Promise<Digest | undefined> {
    const isIt = ([name, tag]: Name): boolean => name === repository && tag === version;
    return (await this.#store.list()).find(({ tags }) => tags.map(servedAs).some(isIt))?.digest;
  }

  async #names(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const names = new Map<string, Set<string>>();
    const tagged = (await this.#store.list()).filter(({ tags }) => tags.length > 0);
    await inParallel(tagged, AT_A_TIME, async ({ digest, tags }) => {
      if (!(await this.#isOffered(digest))) return;
      for (const [repository, version] of tags.map(servedAs)) {
        if (repository !== null) names.set(repository, (names.get(repository) ?? new Set()).add(version));
      }
    });
    return names;
  }
}

const isArtifact = (bytes: Uint8Array): boolean => Buffer.from(bytes).includes('"subject"');

type Name = readonly [repository: string | null, version: string];

/**
 * `web:1.2.0` is the tag 1.2.0 of the repository web; an image from elsewhere, `registry.example:5000/web:1`, that of
 * registry.example_5000/web: a colon can't stand in a repository's name.
 */
function servedAs(tag: string): Name {
  const colon = tag.lastIndexOf(':');
  const [name, version] = [tag.slice(0, colon).replaceAll(':', '_'), tag.slice(colon + 1)];
  try {
    parseReference(`served.invalid/${name}:${version}`);
    return [name, version];
  } catch {
    return [null, version];
  }
}
