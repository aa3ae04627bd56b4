/** The simulated sources of metrics: a number for the group of an image, as that image behaves. */
import type { Digest } from '../../domain/digest.ts';
import { KilnError } from '../../errors/error.ts';
import type { VirtualClock } from './clock.ts';
import type { Random } from './random.ts';

export type MetricBehaviour =
  /** About `value`; `later` from `afterMs` after it was first asked for. */
  | { readonly kind: 'known'; readonly value: number; readonly later?: { readonly value: number; readonly afterMs: number } }
  /** Nothing is known of it. */
  | { readonly kind: 'silent' }
  /** Its source answers nonsense: always, or every other time. */
  | { readonly kind: 'broken' | 'wavering' };

const USUAL = { kind: 'known', value: 100 } as const satisfies MetricBehaviour;
/** Percent of the value. */
const NOISE = 5;

export class Sources {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #behaviours = new Map<Digest, MetricBehaviour>();
  readonly #asked = new Map<Digest, { readonly firstAt: number; readonly times: number }>();

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  behave(image: Digest, behaviour: MetricBehaviour): void {
    this.#behaviours.set(image, behaviour);
  }

  ask(image: Digest): number | null {
    const behaviour: MetricBehaviour = this.#behaviours.get(image) ?? USUAL;
    const now = this.#clock.now();
    const { firstAt, times } = this.#asked.get(image) ?? { firstAt: now, times: 0 };
    this.#asked.set(image, { firstAt, times: times + 1 });
    if (behaviour.kind === 'silent') return null;
    if (behaviour.kind === 'known') {
      const { value, later } = behaviour;
      const present = later !== undefined && now - firstAt >= later.afterMs ? later.value : value;
      return (present * (100 - NOISE + this.#random.below(2 * NOISE + 1))) / 100;
    }
    if (behaviour.kind === 'wavering' && times % 2 === 1) return USUAL.value;
    throw new KilnError('METRIC_UNREADABLE', 'the simulated source answered nonsense', { hint: 'go on' });
  }
}
