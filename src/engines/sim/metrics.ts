/** Requests of the simulated traffic: a steady rate, shared by weight, failed where no healthy instance answers. */
import type { FleetId, GroupId, InstanceId } from '../../domain/ids.ts';
import type { GroupMetrics, RoutingTable } from '../engine.ts';
import type { SimInstance } from './instance.ts';

const REQUESTS_PER_MS = 0.1;
const FAST_MS = 50;
const CPU_MS_PER_REQUEST = 2;

interface Counts {
  answered: number;
  failing: number;
  unanswered: number;
}

export class Metrics {
  readonly #countedAt = new Map<FleetId, number>();
  readonly #counts = new Map<GroupId, Counts>();
  readonly #requestsPerMs = new Map<FleetId, number>();
  readonly #cpuMs = new Map<InstanceId, number>();

  /** From the next `count` on. */
  setRate(fleet: FleetId, requestsPerMs: number): void {
    this.#requestsPerMs.set(fleet, requestsPerMs);
  }

  cpuMs = (id: InstanceId): number => this.#cpuMs.get(id) ?? 0;

  forget(id: InstanceId): void {
    this.#cpuMs.delete(id);
  }

  /** Adds what came since the last call, all of which this table routed. Without a table nothing was routed. */
  count(now: number, fleet: FleetId, table: RoutingTable | undefined, find: (id: InstanceId) => SimInstance | undefined): void {
    const requests = (now - (this.#countedAt.get(fleet) ?? now)) * (this.#requestsPerMs.get(fleet) ?? REQUESTS_PER_MS);
    this.#countedAt.set(fleet, now);
    if (requests === 0) return;
    for (const { group, weight, endpoints } of table?.groups ?? []) {
      if (weight === 0) continue;
      const up = endpoints.flatMap(({ instance, state }) => {
        const found = state === 'ready' ? find(instance) : undefined;
        return found?.health.status === 'healthy' ? [found] : [];
      });
      const counts = this.#counts.get(group) ?? { answered: 0, failing: 0, unanswered: 0 };
      this.#counts.set(group, counts);
      const share = (requests * weight) / 10_000;
      if (up.length === 0) counts.unanswered += share;
      else {
        counts.failing += (share * up.filter(({ lies }) => lies).length) / up.length;
        counts.answered += share;
      }
      for (const { id } of up) this.#cpuMs.set(id, this.cpuMs(id) + (share * CPU_MS_PER_REQUEST) / up.length);
    }
  }

  of(groups: readonly GroupId[]): readonly GroupMetrics[] {
    return groups.map((group) => {
      const { answered, failing, unanswered } = this.#counts.get(group) ?? { answered: 0, failing: 0, unanswered: 0 };
      const [total, bad, failed] = [Math.round(answered), Math.round(failing), Math.round(unanswered)];
      const status = { '1xx': 0, '2xx': total - bad, '3xx': 0, '4xx': 0, '5xx': bad, failed };
      const latencyMs = [
        { le: FAST_MS, count: total },
        { le: Infinity, count: 0 },
      ];
      return { group, requests: total + failed, status, latencyMs };
    });
  }
}
