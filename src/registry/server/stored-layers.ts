/** The layers of the images that are here, by either of their digests. An image never changes, and each is read once. */
import type { Digest } from '../../domain/digest.ts';
import { inParallel } from '../../oci/parallel.ts';
import type { ImageStore, Layer } from '../../oci/store.ts';

const AT_A_TIME = 8;

export class StoredLayers {
  readonly #store: ImageStore;
  readonly #of = new Map<Digest, readonly Layer[]>();

  constructor(store: ImageStore) {
    this.#store = store;
  }

  /** By the blob's digest or the diff id. Null: it is no layer of an image that is here. */
  async find(digest: Digest): Promise<Layer | null> {
    const images = (await this.#store.list()).map((image) => image.digest);
    for (const known of this.#of.keys()) if (!images.includes(known)) this.#of.delete(known);
    const unread = images.filter((image) => !this.#of.has(image));
    await inParallel(unread, AT_A_TIME, async (image) => {
      // A damaged one may be mended: it is looked at again.
      const layers = await this.#store.image(image).then(
        (read) => read.layers,
        () => null,
      );
      if (layers !== null) this.#of.set(image, layers);
    });
    for (const layers of this.#of.values()) {
      const found = layers.find(({ descriptor, diffId }) => descriptor.digest === digest || diffId === digest);
      if (found !== undefined) return found;
    }
    return null;
  }
}
