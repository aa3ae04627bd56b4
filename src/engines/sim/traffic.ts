/** The simulated load balancer: a durable routing table, sessions in flight that take their time to end, deaths and returns. */
import type { FleetId, GroupId, InstanceId } from '../../domain/ids.ts';
import { KilnError } from '../../errors/error.ts';
import type { Address, BalancerObservation, EndpointObservation, GroupMetrics, InstanceUsage, RoutingTable } from '../engine.ts';
import type { Note } from './calls.ts';
import type { VirtualClock } from './clock.ts';
import { Flows } from './flows.ts';
import type { SimInstance } from './instance.ts';
import type { Instances } from './instances.ts';
import { servingCapacity, soundCapacity, type Laws } from './laws.ts';
import { Metrics } from './metrics.ts';
import type { Random } from './random.ts';

const MEMORY_BYTES = 1 << 24;

export class SimTraffic {
  readonly #clock: VirtualClock;
  readonly #laws: Laws;
  readonly #instances: Instances;
  readonly #note: Note;
  readonly #tables = new Map<FleetId, RoutingTable>();
  readonly #flows: Flows;
  readonly #metrics = new Metrics();
  #alive = true;

  constructor(clock: VirtualClock, random: Random, laws: Laws, instances: Instances, note: Note) {
    this.#clock = clock;
    this.#flows = new Flows(random);
    this.#laws = laws;
    this.#instances = instances;
    this.#note = note;
  }

  /** Durable at once; unacknowledged while the load balancer is dead, and in force when it is back. */
  apply(table: RoutingTable): void {
    this.#replace(table.fleet, table, 'a change of routing');
    this.#mustLive();
  }

  removeFleet(fleet: FleetId): void {
    if (this.#tables.has(fleet)) this.#replace(fleet, undefined, 'removing the routing');
    this.#mustLive();
  }

  /** In the simulated world nobody but its fleets listens anywhere. */
  requireListen(fleet: FleetId, addresses: readonly Address[]): void {
    for (const [other, { listen, preview }] of this.#tables) {
      const theirs = preview === null ? [listen] : [listen, preview.listen];
      const taken = addresses.find(({ host, port }) => theirs.some((each) => each.host === host && each.port === port));
      if (other === fleet || taken === undefined) continue;
      throw new KilnError('PORT_IN_USE', `${other} listens on ${taken.host}:${taken.port}`, { hint: 'choose another address' });
    }
  }

  tables(): readonly RoutingTable[] {
    return [...this.#tables.values()];
  }

  table(fleet: FleetId): RoutingTable | undefined {
    return this.#tables.get(fleet);
  }

  observe(fleet: FleetId): BalancerObservation | null {
    this.#mustLive();
    const table = this.#tables.get(fleet);
    if (table === undefined) return null;
    const weights: Record<GroupId, number> = {};
    const endpoints: EndpointObservation[] = [];
    for (const { group, weight, endpoints: listed } of table.groups) {
      if (weight > 0) weights[group] = weight;
      for (const { instance, state } of listed) {
        const up = isUp(this.#instances.find(instance));
        endpoints.push({ instance, state, up, ...this.#flows.inflight(instance, this.#clock.now()) });
      }
    }
    return { weights, preview: table.preview?.group ?? null, canary: table.canary, endpoints };
  }

  metrics(fleet: FleetId): readonly GroupMetrics[] {
    this.#mustLive();
    this.#measure(fleet);
    return this.#metrics.of(this.#tables.get(fleet)?.groups.map(({ group }) => group) ?? []);
  }

  setRate(fleet: FleetId, requestsPerMs: number): void {
    this.#measure(fleet);
    this.#metrics.setRate(fleet, requestsPerMs);
  }

  usage(fleet: FleetId): readonly InstanceUsage[] {
    this.#measure(fleet);
    return [...this.#instances.all(fleet)]
      .filter(({ health }) => health.status !== 'exited')
      .map(({ id }) => ({ instance: id, cpuMs: this.#metrics.cpuMs(id), memoryBytes: MEMORY_BYTES }));
  }

  /** All connections break; after `forMs` it is back with the durable tables. */
  die(forMs: number): void {
    if (!this.#alive) return;
    this.#note(`the load balancer dies for ${forMs} ms`);
    for (const fleet of this.#tables.keys()) this.#measure(fleet);
    this.#alive = false;
    this.#flows.cutAll();
    for (const fleet of this.#tables.keys()) this.#reroute(fleet);
    this.#clock.at(this.#clock.now() + forMs, () => {
      this.#note('the load balancer is back');
      this.#alive = true;
      for (const fleet of this.#tables.keys()) this.#reroute(fleet);
    });
  }

  /** An instance's health changed, or it is gone. */
  changed(instance: SimInstance): void {
    if (!this.#tables.has(instance.fleet)) return;
    this.#measure(instance.fleet);
    this.#reroute(instance.fleet);
    if (this.#instances.find(instance.id) === undefined) {
      this.#flows.forget(instance.id);
      this.#metrics.forget(instance.id);
    } else if (instance.health.status === 'exited') this.#flows.cut(instance.id);
  }

  /** Law 4 at the moment when Kiln decides that an instance goes. */
  checkLeave(instance: SimInstance): void {
    const table = this.#tables.get(instance.fleet);
    const before = soundCapacity(table, this.#instances.all(instance.fleet));
    instance.leaving = true;
    const after = soundCapacity(table, this.#instances.all(instance.fleet));
    this.#laws.lowered(instance.fleet, `retiring ${instance.id}`, before, after);
  }

  /** Law 3 at the moment when Kiln stops an instance: no new traffic, and drained or out of budget. */
  checkStop(instance: SimInstance): void {
    if (this.#flows.isRouted(instance.id)) {
      this.#laws.broken(3, `${instance.id} was stopped while the load balancer sent it traffic`);
    } else {
      const cut = this.#cutEarly(instance);
      if (cut !== null) this.#laws.broken(3, `${instance.id} was stopped with ${cut}`);
    }
  }

  /** Law 3 at the moment when connections are closed: their budgets are spent. */
  evict(id: InstanceId, most: number): void {
    this.#mustLive();
    const instance = this.#instances.find(id);
    if (instance === undefined || this.#flows.inflight(id, this.#clock.now()).sessions <= most) return;
    const cut = this.#flows.isRouted(id) ? 'new ones coming' : this.#cutEarly(instance);
    if (cut !== null) this.#laws.broken(3, `connections of ${id} were closed with ${cut}`);
    this.#flows.close(id, most, this.#clock.now());
    this.#note(`${id} evicted to ${most}`);
  }

  /** What is in flight whose budget is not spent; null: nothing. */
  #cutEarly({ id, release }: SimInstance): string | null {
    const now = this.#clock.now();
    const drainedMs = this.#flows.unroutedFor(id, now);
    if (drainedMs === null) return null;
    const { drainMs, streamDrainMs } = release.content.routing;
    const { sessions, streams } = this.#flows.inflight(id, now);
    const requests = sessions - streams;
    if (requests > 0 && drainedMs < drainMs) return `${requests} requests in flight, ${drainedMs} ms into its drain`;
    return streams > 0 && drainedMs < streamDrainMs ? `${streams} streams in flight, ${drainedMs} ms into its drain` : null;
  }

  #mustLive(): void {
    if (this.#alive) return;
    throw new KilnError('BALANCER_UNREACHABLE', 'the simulated load balancer is dead', { hint: 'it comes back by itself' });
  }

  #replace(fleet: FleetId, table: RoutingTable | undefined, act: string): void {
    this.#measure(fleet);
    const before = this.#tables.get(fleet);
    if (table === undefined) this.#tables.delete(fleet);
    else {
      checkReady(table, this.#instances, this.#laws);
      this.#tables.set(fleet, table);
    }
    const { find } = this.#instances;
    this.#laws.lowered(fleet, act, servingCapacity(before, find), servingCapacity(table, find));
    this.#note(`routing ${fleet}: ${table === undefined ? 'none' : described(table)}`);
    const listed = new Set(instancesIn(table));
    for (const instance of instancesIn(before)) if (!listed.has(instance)) this.#route(instance, false);
    this.#reroute(fleet);
  }

  /** Which instances get new connections now. */
  #reroute(fleet: FleetId): void {
    const table = this.#tables.get(fleet);
    for (const { group, weight, endpoints } of table?.groups ?? []) {
      const taken = weight > 0 || table?.canary?.group === group;
      for (const { instance, state } of endpoints) {
        this.#route(instance, this.#alive && taken && state === 'ready' && isUp(this.#instances.find(instance)));
      }
    }
  }

  #route(instance: InstanceId, routed: boolean): void {
    const routing = this.#instances.find(instance)?.release.content.routing ?? NO_BUDGETS;
    this.#flows.route(instance, routed, this.#clock.now(), routing, this.#alive);
  }

  #measure(fleet: FleetId): void {
    this.#metrics.count(this.#clock.now(), fleet, this.#alive ? this.#tables.get(fleet) : undefined, this.#instances.find);
  }
}

const instancesIn = (table: RoutingTable | undefined): readonly InstanceId[] =>
  (table?.groups ?? []).flatMap(({ endpoints }) => endpoints.map(({ instance }) => instance));

const NO_BUDGETS = { drainMs: 0, streamDrainMs: 0 };

const isUp = (instance: SimInstance | undefined): boolean => instance?.health.status === 'healthy' && !instance.stopping;

/** Law 3: only what was reported healthy may be given traffic. Weights are all of the traffic or none. */
function checkReady(table: RoutingTable, instances: Instances, laws: Laws): void {
  let sum = 0;
  for (const { weight, endpoints } of table.groups) {
    sum += weight;
    for (const { instance, state } of endpoints) {
      if (state !== 'ready') continue;
      const found = instances.find(instance);
      if (found === undefined) laws.broken(3, `${instance} was made ready for traffic, but there is no such instance`);
      else if (!found.everReportedHealthy) laws.broken(3, `${instance} was made ready for traffic before it was healthy`);
      else if (found.stopping) laws.broken(3, `${instance} was made ready for traffic while it is being stopped`);
    }
  }
  const canary = table.canary?.group;
  if (canary !== undefined && !table.groups.some(({ group }) => group === canary))
    laws.broken(3, `requests were to go to ${canary}, which is not there`);
  if (sum !== 0 && sum !== 10_000) laws.broken(3, `the weights of ${table.fleet} sum to ${sum}`);
}

const described = ({ groups, canary }: RoutingTable): string =>
  [
    ...groups.map(
      ({ group, weight, endpoints }) =>
        `${group}=${weight} [${endpoints.map(({ instance, state }) => `${instance.split('.')[3]} ${state}`).join(', ')}]`,
    ),
    ...(canary === null ? [] : [`canary ${JSON.stringify(canary)}`]),
  ].join(' · ');
