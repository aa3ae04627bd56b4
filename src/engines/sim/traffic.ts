/** The simulated load balancer: a durable routing table, sessions in flight that take their time to end, deaths and returns. */
import type { FleetId, GroupId, InstanceId } from '../../domain/ids.ts';
import { KilnError } from '../../errors/error.ts';
import type { Address, BalancerObservation, EndpointObservation, GroupMetrics, InstanceUsage, RoutingTable } from '../engine.ts';
import type { Note } from './calls.ts';
import type { VirtualClock } from './clock.ts';
import type { SimInstance } from './instance.ts';
import type { Instances } from './instances.ts';
import { servingCapacity, soundCapacity, type Laws } from './laws.ts';
import { Metrics } from './metrics.ts';
import type { Random } from './random.ts';

/** The sessions of one instance. */
interface Flow {
  /** Gets new connections. */
  routed: boolean;
  /** How many it has in flight while routed. */
  readonly load: number;
  /** Since when it gets no new ones, and when those that it had then end. */
  unroutedAt: number;
  ends: readonly number[];
}

const MEMORY_BYTES = 1 << 24;

export class SimTraffic {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #laws: Laws;
  readonly #instances: Instances;
  readonly #note: Note;
  readonly #tables = new Map<FleetId, RoutingTable>();
  readonly #flows = new Map<InstanceId, Flow>();
  readonly #metrics = new Metrics();
  #alive = true;

  constructor(clock: VirtualClock, random: Random, laws: Laws, instances: Instances, note: Note) {
    this.#clock = clock;
    this.#random = random;
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
        endpoints.push({ instance, state, up, sessions: this.#sessions(instance) });
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
    for (const flow of this.#flows.values()) flow.ends = [];
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
      this.#flows.delete(instance.id);
      this.#metrics.forget(instance.id);
    } else if (instance.health.status === 'exited') this.#flowOf(instance.id).ends = [];
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
    const flow = this.#flows.get(instance.id);
    if (flow === undefined) return;
    const { drainMs, streamDrainMs } = instance.release.content.routing;
    const drainedMs = this.#clock.now() - flow.unroutedAt;
    if (flow.routed) {
      this.#laws.broken(3, `${instance.id} was stopped while the load balancer sent it traffic`);
    } else if (this.#sessions(instance.id) > 0 && drainedMs < Math.max(drainMs, streamDrainMs)) {
      const left = this.#sessions(instance.id);
      this.#laws.broken(3, `${instance.id} was stopped with ${left} sessions in flight, ${drainedMs} ms into its drain`);
    }
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

  #flowOf(instance: InstanceId): Flow {
    const known = this.#flows.get(instance);
    if (known !== undefined) return known;
    const flow: Flow = { routed: false, load: this.#random.below(4), unroutedAt: this.#clock.now(), ends: [] };
    this.#flows.set(instance, flow);
    return flow;
  }

  #route(instance: InstanceId, routed: boolean): void {
    if (!routed && this.#flows.get(instance)?.routed !== true) return;
    const flow = this.#flowOf(instance);
    if (flow.routed === routed) return;
    flow.routed = routed;
    if (routed) return;
    const now = this.#clock.now();
    flow.unroutedAt = now;
    flow.ends = this.#alive ? Array.from({ length: flow.load }, () => now + this.#duration(instance)) : [];
  }

  /** Most sessions are short, some take the whole drain budget, a few would take longer than that. */
  #duration(instance: InstanceId): number {
    const routing = this.#instances.find(instance)?.release.content.routing;
    const budget = Math.max(routing?.drainMs ?? 0, routing?.streamDrainMs ?? 0);
    const kind = this.#random.below(10);
    if (kind < 7) return this.#random.below(300);
    return kind < 9 ? this.#random.below(budget + 1) : budget + this.#random.below(budget + 1);
  }

  #sessions(instance: InstanceId): number {
    const flow = this.#flows.get(instance);
    if (flow === undefined) return 0;
    if (flow.routed) return flow.load;
    const now = this.#clock.now();
    return flow.ends.reduce((count, end) => count + (end > now ? 1 : 0), 0);
  }

  #measure(fleet: FleetId): void {
    this.#metrics.count(this.#clock.now(), fleet, this.#alive ? this.#tables.get(fleet) : undefined, this.#instances.find);
  }
}

const instancesIn = (table: RoutingTable | undefined): readonly InstanceId[] =>
  (table?.groups ?? []).flatMap(({ endpoints }) => endpoints.map(({ instance }) => instance));

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
