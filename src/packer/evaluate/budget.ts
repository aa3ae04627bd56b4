/** What evaluation may cost, counted over a whole import. Going over it is a problem of the template, at the place that did. */
import { DEEPEST, MOST_CHARACTERS, MOST_STEPS } from '../limits.ts';
import { Refusal, type Place } from '../problems.ts';
import type { Value } from './values.ts';

/** What a value without text weighs, in characters. */
const WORD = 16;

export class Budget {
  #steps = 0;
  #characters = 0;
  #depth = 0;
  readonly #weights = new WeakMap<object, number>();

  step(at: Place, count = 1): void {
    this.#steps += count;
    if (this.#steps > MOST_STEPS) throw new Refusal(at, `computes more than ${MOST_STEPS} values; make its loops shorter`);
  }

  /** Text that was made. */
  text<T extends string>(at: Place, made: T): T {
    this.#characters += made.length;
    if (this.#characters > MOST_CHARACTERS)
      throw new Refusal(at, `makes more than ${MOST_CHARACTERS >> 20} MiB of text; make less of it`);
    return made;
  }

  /**
   * A list or map that was made. Parts may be shared, so that a few lines make a value whose text would fill a disk: it is
   * weighed as if nothing were shared.
   */
  made<T extends Value>(at: Place, value: T): T {
    if (this.#weightOf(value) > MOST_CHARACTERS) throw new Refusal(at, 'makes a value that is too large; make less of it');
    return value;
  }

  #weightOf(value: Value): number {
    if (typeof value === 'string') return WORD + value.length;
    if (typeof value !== 'object' || value === null) return WORD;
    const known = this.#weights.get(value);
    if (known !== undefined) return known;
    let weight = WORD;
    for (const [key, item] of Object.entries(value)) weight += key.length + this.#weightOf(item);
    this.#weights.set(value, weight);
    return weight;
  }

  nested<R>(at: Place, work: () => R): R {
    if (++this.#depth > DEEPEST * 4) throw new Refusal(at, 'is nested too deep to compute; write it flatter');
    try {
      return work();
    } finally {
      this.#depth--;
    }
  }
}
