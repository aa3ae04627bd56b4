/**
 * For other Kilns: what chunks a layer's tar has, and parts of it, so that they need fetch only what is new to them. Worked out
 * when first asked for; the lists of the last layers are kept.
 */
import { chunksOf, encodeChunks } from '../../oci/chunks.ts';
import type { ImageStore, Layer } from '../../oci/store.ts';
import type { Digest } from '../../domain/digest.ts';

const KEPT_LISTS = 64;
const MOST_RANGES = 1000;

export interface TarRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export class LayerParts {
  readonly #store: ImageStore;
  readonly #lists = new Map<Digest, Promise<Buffer>>();

  constructor(store: ImageStore) {
    this.#store = store;
  }

  /** Null: it is no layer of an image that is here. */
  async layer(digest: Digest): Promise<Layer | null> {
    for (const stored of await this.#store.list()) {
      const image = await this.#store.image(stored.digest).catch(() => null);
      const found = image?.layers.find(({ descriptor }) => descriptor.digest === digest);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** As src/oci/chunks.ts encodes it. */
  list(layer: Layer): Promise<Buffer> {
    const { digest } = layer.descriptor;
    const known = this.#lists.get(digest);
    if (known !== undefined) return known;
    const made = this.#make(layer);
    this.#lists.set(digest, made);
    made.catch(() => this.#lists.delete(digest));
    const [oldest] = this.#lists.keys();
    if (this.#lists.size > KEPT_LISTS && oldest !== undefined) this.#lists.delete(oldest);
    return made;
  }

  /** The ranges, ascending, one after the other. */
  async *read(layer: Layer, ranges: readonly TarRange[]): AsyncGenerator<Buffer> {
    const waiting = [...ranges];
    let at = 0;
    const tar = await this.#store.openLayer(layer);
    for await (const piece of tar) {
      const bytes = piece as Buffer;
      for (let range = waiting[0]; range !== undefined && range.start < at + bytes.length; range = waiting[0]) {
        yield bytes.subarray(Math.max(0, range.start - at), Math.min(bytes.length, range.end - at));
        if (range.end > at + bytes.length) break;
        waiting.shift();
      }
      at += bytes.length;
      if (waiting.length === 0) break;
    }
    tar.destroy();
  }

  async #make(layer: Layer): Promise<Buffer> {
    const chunks = [];
    for await (const chunk of chunksOf(await this.#store.openLayer(layer), () => Promise.resolve())) chunks.push(chunk);
    return encodeChunks(chunks);
  }
}

/** `0-100,200-300`: ascending, apart from each other. Null for anything else. */
export function tarRangesOf(header: string | undefined): readonly TarRange[] | null {
  const ranges: TarRange[] = [];
  for (const text of (header ?? '').split(',', MOST_RANGES + 1)) {
    const [, start = '', end = ''] = /^([0-9]{1,15})-([0-9]{1,15})$/.exec(text) ?? [];
    const range = { start: Number(start), end: Number(end) };
    if (start === '' || range.start >= range.end || range.start < (ranges.at(-1)?.end ?? 0)) return null;
    ranges.push(range);
  }
  return ranges.length > MOST_RANGES ? null : ranges;
}
