/** The image here that is most like one that comes: what the parts of the new one can be made from. */
import type { Digest } from '../../domain/digest.ts';
import { MANIFEST_BYTES, parseManifest } from '../schema.ts';
import type { Descriptor, Image, ImageConfig, ImageStore, Layer, StoredImage } from '../store.ts';
import { blobContent, type Content, layerContent } from './content.ts';

/** Of what is not known to be the older version of a layer: looking through much more than itself costs more than it is likely to save. */
const MOST_OLD = 4;

export interface Newcomer {
  /** Null: not yet in the store. */
  readonly digest: Digest | null;
  readonly layers: readonly Descriptor[];
  /** How it is called: `registry.example/team/web`. */
  readonly name: string;
}

export class Neighbour {
  readonly image: Image;
  readonly #store: ImageStore;
  readonly #config: Descriptor;
  /** Those that the new image does not have. */
  readonly #layers: readonly { readonly layer: Layer; readonly step: string | null }[];

  constructor(image: Image, config: Descriptor, newcomer: Newcomer, store: ImageStore) {
    const shared = new Set(newcomer.layers.map(({ digest }) => digest));
    const steps = stepsOf(image.config);
    this.image = image;
    this.#store = store;
    this.#config = config;
    this.#layers = image.layers
      .map((layer, at) => ({ layer, step: steps[at] ?? null }))
      .filter(({ layer }) => !shared.has(layer.descriptor.digest));
  }

  async config(): Promise<readonly Content[]> {
    return [await blobContent(this.#store, this.#config)];
  }

  /** What the same step made; else all that is not too much. */
  async layers({ size }: Descriptor, step: string): Promise<readonly Content[]> {
    const same = this.#layers.filter((each) => each.step === step);
    const all = this.#layers.reduce((sum, { layer }) => sum + layer.descriptor.size, 0) > size * MOST_OLD ? [] : this.#layers;
    return Promise.all((same.length > 0 ? same : all).map(({ layer }) => layerContent(this.#store, layer)));
  }
}

/** For each layer how it was made; undefined where the configuration does not say. */
export function stepsOf({ history = [] }: ImageConfig): readonly (string | undefined)[] {
  return history.filter((step) => step.empty_layer !== true).map((step) => step.created_by);
}

/** The one that shares most layers with it; of several one of the same name, and of those the newest. Null: there is none. */
export async function neighbourOf(newcomer: Newcomer, store: ImageStore): Promise<Neighbour | null> {
  const digests = new Set(newcomer.layers.map(({ digest }) => digest));
  let best: { readonly rank: readonly number[]; readonly digest: Digest } | null = null;
  for (const stored of await store.list()) {
    const manifest = stored.digest === newcomer.digest ? null : await manifestOf(store, stored.digest);
    if (manifest === null) continue;
    const shared = manifest.layers.filter(({ digest }) => digests.has(digest)).length;
    const rank = [shared, hasName(stored, newcomer.name) ? 1 : 0, stored.storedAt];
    if (best === null || isHigher(rank, best.rank)) best = { rank, digest: stored.digest };
  }
  if (best === null) return null;
  const [image, manifest] = [await store.image(best.digest).catch(() => null), await manifestOf(store, best.digest)];
  return image === null || manifest === null ? null : new Neighbour(image, manifest.config, newcomer, store);
}

function isHigher(rank: readonly number[], than: readonly number[]): boolean {
  const at = rank.findIndex((value, index) => value !== than[index]);
  return at !== -1 && (rank[at] ?? 0) > (than[at] ?? 0);
}

/** `web:1` here and `registry.example/team/web:2` there are called the same. */
const hasName = ({ tags }: StoredImage, name: string): boolean =>
  tags.some((tag) => lastPart(tag.slice(0, tag.lastIndexOf(':'))) === lastPart(name));

const lastPart = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** A damaged one is no neighbour. */
async function manifestOf(store: ImageStore, digest: Digest): Promise<ReturnType<typeof parseManifest> | null> {
  try {
    return parseManifest(await store.readBlob(digest, MANIFEST_BYTES), digest);
  } catch {
    return null;
  }
}
