/** Requests of the simulated traffic: a steady rate, shared by weight, failed where no healthy instance answers. */
import type { FleetId, GroupId, InstanceId } from '../../domain/ids.ts';
import type { Answered, CanaryRule, GroupMetrics, RoutedGroup, RoutingTable } from '../engine.ts';
import type { SimInstance } from './instance.ts';

const REQUESTS_PER_MS = 0.1;
const FAST_MS = 50;
const CPU_MS_PER_REQUEST = 2;
/** Of all requests, as rules and mirrors see them. */
const MATCHING = 0.05;
const SAFE = 0.8;

type Find = (id: InstanceId) => SimInstance | undefined;

interface Counts {
  answered: number;
  failing: number;
  unanswered: number;
}

interface GroupCounts {
  readonly own: Counts;
  readonly mirrored: Counts;
}

export class Metrics {
  readonly #countedAt = new Map<FleetId, number>();
  readonly #counts = new Map<GroupId, GroupCounts>();
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
  count(now: number, fleet: FleetId, table: RoutingTable | undefined, find: Find): void {
    const requests = (now - (this.#countedAt.get(fleet) ?? now)) * (this.#requestsPerMs.get(fleet) ?? REQUESTS_PER_MS);
    this.#countedAt.set(fleet, now);
    if (requests === 0 || table === undefined) return;
    for (const group of table.groups) {
      const share = shareOf(group, table.canary);
      if (share > 0) this.#add(this.#of(group.group).own, requests * share, group, find);
      const copied = table.canary?.group === group.group ? (SAFE * table.canary.mirror) / 10_000 : 0;
      if (copied > 0) this.#add(this.#of(group.group).mirrored, requests * copied, group, find);
    }
  }

  of(groups: readonly GroupId[]): readonly GroupMetrics[] {
    return groups.map((group) => {
      const { own, mirrored } = this.#counts.get(group) ?? NOTHING;
      return { group, ...answered(own, 1), safe: answered(own, SAFE), mirrored: answered(mirrored, 1) };
    });
  }

  #of(group: GroupId): GroupCounts {
    const known = this.#counts.get(group) ?? { own: none(), mirrored: none() };
    this.#counts.set(group, known);
    return known;
  }

  #add(counts: Counts, requests: number, { endpoints }: RoutedGroup, find: Find): void {
    const up = endpoints.flatMap(({ instance, state }) => {
      const found = state === 'ready' ? find(instance) : undefined;
      return found?.health.status === 'healthy' ? [found] : [];
    });
    if (up.length === 0) counts.unanswered += requests;
    else {
      counts.failing += (requests * up.filter(({ lies }) => lies).length) / up.length;
      counts.answered += requests;
    }
    for (const { id } of up) this.#cpuMs.set(id, this.cpuMs(id) + (requests * CPU_MS_PER_REQUEST) / up.length);
  }
}

const none = (): Counts => ({ answered: 0, failing: 0, unanswered: 0 });
const NOTHING: GroupCounts = { own: none(), mirrored: none() };

function shareOf({ group, weight }: RoutedGroup, canary: CanaryRule | null): number {
  const matching = canary === null || canary.matches.length === 0 ? 0 : MATCHING;
  return (weight / 10_000) * (1 - matching) + (canary?.group === group ? matching : 0);
}

function answered(counts: Counts, share: number): Answered {
  const part = (count: number): number => Math.round(count * share);
  const [total, bad, failed] = [part(counts.answered), part(counts.failing), part(counts.unanswered)];
  const status = { '1xx': 0, '2xx': total - bad, '3xx': 0, '4xx': 0, '5xx': bad, failed };
  const latencyMs = [
    { le: FAST_MS, count: total },
    { le: Infinity, count: 0 },
  ];
  return { requests: total + failed, status, latencyMs };
}
