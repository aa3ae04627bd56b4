/** Sessions at simulated instances: so many while one is routed, and how long those that are there take to end after that. */
import type { InstanceId } from '../../domain/ids.ts';
import type { Routing } from '../../domain/release.ts';
import type { Random } from './random.ts';

type Budgets = Pick<Routing, 'drainMs' | 'streamDrainMs'>;

interface Session {
  readonly stream: boolean;
  readonly endsAt: number;
}

/** The sessions of one instance. */
interface Flow {
  /** Gets new connections. */
  routed: boolean;
  /** How many requests and streams it has in flight while routed. */
  readonly load: { readonly requests: number; readonly streams: number };
  /** Since when it gets no new ones, and those that it had then. */
  unroutedAt: number;
  left: readonly Session[];
}

export interface Inflight {
  readonly sessions: number;
  readonly streams: number;
}

export class Flows {
  readonly #random: Random;
  readonly #flows = new Map<InstanceId, Flow>();

  constructor(random: Random) {
    this.#random = random;
  }

  isRouted(instance: InstanceId): boolean {
    return this.#flows.get(instance)?.routed === true;
  }

  /** How long ago it got its last new connection; null: it never had any. */
  unroutedFor(instance: InstanceId, now: number): number | null {
    const flow = this.#flows.get(instance);
    return flow === undefined ? null : now - flow.unroutedAt;
  }

  /** `alive`: the load balancer is, so that what it has in flight goes on. */
  route(instance: InstanceId, routed: boolean, now: number, budgets: Budgets, alive: boolean): void {
    const flow = this.#flows.get(instance);
    if (flow === undefined && routed) {
      const load = { requests: this.#random.below(3), streams: this.#random.below(3) };
      this.#flows.set(instance, { routed, load, unroutedAt: now, left: [] });
    }
    if (flow === undefined || flow.routed === routed) return;
    flow.routed = routed;
    if (routed) return;
    flow.unroutedAt = now;
    const { requests, streams } = flow.load;
    const all = Array.from({ length: alive ? requests + streams : 0 }, (_, index) => index >= requests);
    flow.left = all.map((stream) => ({
      stream,
      endsAt: now + this.#duration(stream ? budgets.streamDrainMs : budgets.drainMs, stream),
    }));
  }

  inflight(instance: InstanceId, now: number): Inflight {
    const flow = this.#flows.get(instance);
    if (flow === undefined) return { sessions: 0, streams: 0 };
    if (flow.routed) return { sessions: flow.load.requests + flow.load.streams, streams: flow.load.streams };
    const left = flow.left.filter(({ endsAt }) => endsAt > now);
    return { sessions: left.length, streams: left.filter(({ stream }) => stream).length };
  }

  /** Closes sessions until there are at most so many. */
  close(instance: InstanceId, most: number, now: number): void {
    const flow = this.#flows.get(instance);
    if (flow !== undefined) flow.left = flow.left.filter(({ endsAt }) => endsAt > now).slice(0, most);
  }

  /** All of its connections break. */
  cut(instance: InstanceId): void {
    const flow = this.#flows.get(instance);
    if (flow !== undefined) flow.left = [];
  }

  cutAll(): void {
    for (const flow of this.#flows.values()) flow.left = [];
  }

  forget(instance: InstanceId): void {
    this.#flows.delete(instance);
  }

  /** Most requests are short, some take the whole budget, a few would take longer than that; of streams, most. */
  #duration(budgetMs: number, stream: boolean): number {
    const kind = this.#random.below(10);
    if (kind < (stream ? 2 : 7)) return this.#random.below(300);
    return kind < (stream ? 4 : 9) ? this.#random.below(budgetMs + 1) : budgetMs + this.#random.below(3 * budgetMs + 1);
  }
}
