/** How much a stranger's layer may hold, counted while it is read, before anything is made of it. */
import { shown, type TarHeader, unsafe } from './tar-format.ts';

export interface LayerLimits {
  readonly entries: number;
  /** Of the whole tar. */
  readonly bytes: number;
  /** Bytes of the tar for each byte as stored. Counts from `ratioFromBytes` on: a small layer of zeroes harms nobody. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
}

export const LAYER_LIMITS: LayerLimits = { entries: 1_000_000, bytes: 64 * 2 ** 30, ratio: 200, ratioFromBytes: 2 ** 30 };

export class LayerBudget {
  readonly #limits: LayerLimits;
  readonly #storedBytes: number | null;
  entries = 0;
  bytes = 0;

  /** `storedBytes`: the size of the blob, for the ratio; null: the ratio is not looked at. */
  constructor(limits: Partial<LayerLimits>, storedBytes: number | null) {
    this.#limits = { ...LAYER_LIMITS, ...limits };
    this.#storedBytes = storedBytes;
  }

  /** Bytes of the archive. Throws LAYER_UNSAFE. */
  count(bytes: number): void {
    const limits = this.#limits;
    this.bytes += bytes;
    if (this.bytes > limits.bytes) throw unsafe(`the layer unpacks to more than ${limits.bytes} bytes`);
    if (this.#storedBytes === null || this.bytes < limits.ratioFromBytes) return;
    if (this.bytes <= this.#storedBytes * limits.ratio) return;
    throw unsafe(`the layer unpacks to more than ${limits.ratio} times its ${this.#storedBytes} bytes`);
  }

  /** One more entry. Throws LAYER_UNSAFE. */
  entry(path: string, header: TarHeader): void {
    this.entries += 1;
    if (this.entries > this.#limits.entries) throw unsafe(`the layer has more than ${this.#limits.entries} entries`);
    if (header.size > this.#limits.bytes) throw unsafe(`entry ${shown(path)} claims ${header.size} bytes`);
  }
}
