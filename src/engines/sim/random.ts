/**
 * Seeded randomness: the same seed gives the same history.
 * xoshiro128** 1.1 by David Blackman and Sebastiano Vigna (2018, public domain, https://prng.di.unimi.it), its state
 * filled by splitmix32 (the 32-bit finalizer of MurmurHash3 over a Weyl sequence), so that near seeds give far streams.
 */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** `seed`: any integer; its low 32 bits count. */
  constructor(seed: number) {
    let state = seed | 0;
    const mix = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state ^ (state >>> 16);
      z = Math.imul(z, 0x85ebca6b);
      z ^= z >>> 13;
      z = Math.imul(z, 0xc2b2ae35);
      return z ^ (z >>> 16);
    };
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    this.#d = mix();
  }

  /** 0 to 2³² − 1. */
  uint32(): number {
    const scrambled = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotateLeft(this.#d, 11);
    return scrambled;
  }

  /** A whole number from 0 to `limit` − 1. `limit` is at most 2³². */
  below(limit: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * limit);
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.uint32() < probability * 0x1_0000_0000;
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  /** Six characters of a-z0-9: the suffix of an instance's id. */
  suffix(): string {
    return this.below(36 ** 6)
      .toString(36)
      .padStart(6, '0');
  }
}

const rotateLeft = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
