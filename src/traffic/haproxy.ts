/**
 * The load balancer of the host engine: one HAProxy for each KILN_HOME, a process of its own that outlives the daemon.
 *
 * Owns the routing tables on disk, HAProxy's configuration, its process, and nothing else: it does not decide weights,
 * drains or budgets, and it does not know whether an instance is healthy but by its own second look.
 * Every change is written first and then told to the running workers, so that a killed HAProxy comes back right (D11).
 */
import type { FleetId, InstanceId } from '../domain/ids.ts';
import type {
  Address,
  Balancer,
  BalancerObservation,
  CallContext,
  GroupMetrics,
  Problem,
  RoutingTable,
} from '../engines/engine.ts';
import { messageOf } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { Home } from '../platform/home.ts';
import type { Machine } from './config.ts';
import { inspectMachine, machineProblems } from './machine.ts';
import { Metrics } from './metrics.ts';
import { observeFleet } from './observe.ts';
import { trafficPaths, type TrafficPaths } from './paths.ts';
import { Running, type RunningParts } from './running.ts';
import { loadFleets } from './saved.ts';
import { validate, validateListen, type Fleets } from './slots.ts';
import { Evictor } from './streams.ts';

export interface HaproxyParts {
  readonly home: Home;
  readonly clock: Clock;
  readonly log: RunningParts['log'];
}

/** Servers of removed endpoints are deleted, and counters read, this often. */
const HOUSEKEEPING_MS = 5_000;
/** Rounds of housekeeping. */
const UNANSWERED_LIMIT = 3;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;
const REWATCH_MS = 20;

/** Adopts the HAProxy that an earlier daemon left, or starts one, where there is anything to route. */
export async function createHaproxy(parts: HaproxyParts): Promise<Haproxy> {
  const paths = trafficPaths(parts.home);
  const [machine, fleets, metrics] = [await inspectMachine(), await loadFleets(paths), await Metrics.open(paths)];
  const haproxy = new Haproxy(parts, paths, machine, fleets, metrics);
  await haproxy.begin();
  return haproxy;
}

export class Haproxy implements Balancer {
  readonly #parts: HaproxyParts;
  readonly #paths: TrafficPaths;
  readonly #metrics: Metrics;
  readonly #running: Running;
  readonly #evictor = new Evictor();
  readonly #closing = new AbortController();
  /** One thing at a time; an observation waits for the change before it. */
  #queue: Promise<unknown> = Promise.resolve();
  #unwatch: () => void = () => {};
  #upkeep: Promise<void> = Promise.resolve();
  #recovery: Promise<void> = Promise.resolve();

  /** Use `createHaproxy`. */
  constructor(parts: HaproxyParts, paths: TrafficPaths, machine: Machine, fleets: Fleets, metrics: Metrics) {
    this.#parts = parts;
    this.#paths = paths;
    this.#metrics = metrics;
    const collect = (): Promise<void> => this.#collect();
    this.#running = new Running({ paths, machine, clock: parts.clock, log: parts.log, collect }, fleets);
  }

  /** Never fails for what may pass, such as a port that is taken for now: the daemon starts, and it is tried again. */
  async begin(): Promise<void> {
    await this.#alone(() => this.#running.begin()).catch((error: unknown) => {
      this.#parts.log.warn(`the load balancer did not start: ${messageOf(error)}`);
    });
    this.#watch();
    this.#upkeep = this.#housekeeping();
  }

  check(): Promise<readonly Problem[]> {
    return machineProblems(this.#paths);
  }

  requireListen(fleet: FleetId, addresses: readonly Address[], ctx: CallContext): Promise<void> {
    for (const address of addresses) validateListen(address);
    return this.#alone(() => {
      ctx.signal.throwIfAborted();
      return this.#running.requireListen(fleet, addresses);
    });
  }

  async apply(table: RoutingTable, ctx: CallContext): Promise<void> {
    validate(table);
    await this.#change(() => this.#running.apply(table), ctx);
  }

  async remove(fleet: FleetId, ctx: CallContext): Promise<void> {
    await this.#change(() => this.#running.remove(fleet), ctx);
  }

  observe(fleet: FleetId, ctx: CallContext): Promise<BalancerObservation | null> {
    return this.#alone(async () => {
      ctx.signal.throwIfAborted();
      const routed = this.#running.fleets.get(fleet);
      if (routed === undefined) return null;
      return observeFleet(this.#running.master, fleet, routed.table.preview !== null, this.#paths);
    });
  }

  evict(instance: InstanceId, most: number, ctx: CallContext): Promise<void> {
    return this.#alone(() => {
      ctx.signal.throwIfAborted();
      return this.#evictor.evict(this.#running.master, instance, most);
    });
  }

  metrics(fleet: FleetId, ctx: CallContext): Promise<readonly GroupMetrics[]> {
    return this.#alone(async () => {
      ctx.signal.throwIfAborted();
      if (this.#running.fleets.has(fleet)) await this.#collect();
      return this.#metrics.of(fleet, this.#running.fleets);
    });
  }

  tables(ctx: CallContext): Promise<readonly RoutingTable[]> {
    return this.#alone(async () => {
      ctx.signal.throwIfAborted();
      return [...this.#running.fleets.values()].map(({ table }) => table);
    });
  }

  /** Lets go of timers and sockets; HAProxy goes on serving. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#unwatch();
    await Promise.allSettled([this.#queue, this.#upkeep, this.#recovery]);
  }

  /** Ends HAProxy too, requests in flight first. The tables stay: the next `createHaproxy` serves them again. */
  async stop(): Promise<void> {
    await this.close();
    await this.#running.stop();
  }

  async #change(act: () => Promise<void>, ctx: CallContext): Promise<void> {
    await this.#alone(() => {
      ctx.signal.throwIfAborted();
      return act();
    });
    this.#watch();
  }

  #alone<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(act);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  #collect(): Promise<void> {
    return this.#metrics.collect(this.#running.master, this.#running.fleets);
  }

  /** Holds a connection to the master: its end is how we learn at once that HAProxy died. */
  #watch(): void {
    this.#unwatch();
    if (this.#closing.signal.aborted || this.#running.fleets.size === 0) return;
    this.#unwatch = this.#running.master.watch(() => {
      this.#recovery = this.#recover();
    });
  }

  /** A master that replaced itself for a reload is alive; a dead one is replaced until that works. */
  async #recover(): Promise<void> {
    for (let wait = FIRST_RETRY_MS; !this.#closing.signal.aborted; wait = Math.min(LAST_RETRY_MS, wait * 2)) {
      try {
        const revived = await this.#alone(() => this.#reviveIfDead());
        if (revived) this.#parts.log.warn('the load balancer had died and was started again');
        // One that is replacing itself, or dying, may refuse the next connection at once: not as fast as the machine can.
        else await this.#pause(REWATCH_MS);
        return this.#watch();
      } catch (error) {
        this.#parts.log.warn(`the load balancer could not be started: ${messageOf(error)}`);
      }
      await this.#pause(wait);
    }
  }

  async #reviveIfDead(): Promise<boolean> {
    if (this.#closing.signal.aborted || this.#running.fleets.size === 0 || (await this.#running.alive())) return false;
    await this.#running.revive();
    return true;
  }

  async #housekeeping(): Promise<void> {
    let unanswered = 0;
    while (!this.#closing.signal.aborted) {
      await this.#pause(HOUSEKEEPING_MS);
      if (this.#closing.signal.aborted || this.#running.fleets.size === 0) continue;
      try {
        await this.#alone(() => this.#upkeepOnce(unanswered >= UNANSWERED_LIMIT));
        unanswered = 0;
      } catch (error) {
        unanswered += 1;
        this.#parts.log.warn(`the load balancer's upkeep waits: ${messageOf(error)}`);
      }
    }
  }

  /** `stuck`: it lives and has not answered for long. A new one loses what this one serves, if it serves anything. */
  async #upkeepOnce(stuck: boolean): Promise<void> {
    if (stuck) {
      this.#parts.log.warn('the load balancer does not answer and is replaced');
      await this.#running.revive();
    }
    await this.#running.sweep();
    await this.#collect();
  }

  #pause(ms: number): Promise<void> {
    return this.#parts.clock.sleep(ms, this.#closing.signal).catch(() => {});
  }
}
