/**
 * The routing in force: the tables, the files that hold them, the process that serves them, kept in step. Its methods must
 * not overlap; haproxy.ts sees to that.
 */
import type { FleetId } from '../domain/ids.ts';
import { canonicalJson } from '../domain/json.ts';
import type { Address, RoutingTable } from '../engines/engine.ts';
import { messageOf } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import { structureOf, type Machine } from './config.ts';
import { assertHealth, converge, relay } from './converge.ts';
import { requireAddresses, requireDoors } from './doors.ts';
import { Master } from './master.ts';
import type { TrafficPaths } from './paths.ts';
import { HaproxyProcess } from './process.ts';
import { saveFleets } from './saved.ts';
import { place, type Fleets, type RoutedFleet } from './slots.ts';

const NOTHING: Fleets = new Map();

export interface RunningParts {
  readonly paths: TrafficPaths;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly log: { info(message: string): void; warn(message: string): void };
  /** Reads the counters: before workers are replaced, and before slots and doors change hands, since they belong to the group there. */
  readonly collect: () => Promise<void>;
}

export class Running {
  readonly master: Master;
  readonly #parts: RunningParts;
  readonly #process: HaproxyProcess;
  #fleets: Fleets;
  /** Fleets whose present table the running worker has acknowledged. */
  readonly #settled = new Set<FleetId>();
  /** Servers of removed endpoints that still have connections. */
  #leftovers = 0;

  constructor(parts: RunningParts, fleets: Fleets) {
    this.#parts = parts;
    this.#fleets = fleets;
    this.master = new Master(parts.paths.master);
    this.#process = new HaproxyProcess(parts.paths, this.master, parts.clock);
  }

  get fleets(): Fleets {
    return this.#fleets;
  }

  alive(): Promise<boolean> {
    return this.#process.alive();
  }

  /** Takes over what an earlier daemon left; a HAProxy that answers goes on without a pause. */
  async begin(): Promise<void> {
    const adopted = await this.#process.adopt();
    if (this.#fleets.size === 0) return this.#process.stop();
    if (!adopted) return this.revive();
    if (this.#structure(this.#fleets) !== this.#process.structure) return this.#restructure(this.#fleets);
    await this.#save(this.#fleets, false);
    await this.#relayOld();
    await this.#converge([...this.#fleets.keys()]);
  }

  /** Starts HAProxy with the routing as it was. */
  async revive(): Promise<void> {
    this.#settled.clear();
    await this.#process.kill();
    await requireDoors(this.#fleets, NOTHING);
    await this.#save(this.#fleets, true);
    await this.#process.start(this.#structure(this.#fleets));
    await this.#establish();
  }

  async apply(table: RoutingTable): Promise<void> {
    const before = this.#fleets.get(table.fleet);
    const placed = place(before, table);
    const alive = await this.#process.alive();
    const same = before !== undefined && canonicalJson(before) === canonicalJson(placed);
    if (same && alive && this.#settled.has(table.fleet)) return;
    const next = new Map(this.#fleets).set(table.fleet, placed);
    this.#settled.delete(table.fleet);
    if (alive && before !== undefined && canonicalJson(counted(before)) !== canonicalJson(counted(placed))) await this.#collect();
    if (!alive || this.#structure(next) !== this.#process.structure) return this.#restructure(next);
    await this.#save(next, false);
    this.#fleets = next;
    await this.#converge([table.fleet]);
  }

  /** Asks only for what the fleet itself would open: another fleet's trouble is not its own. */
  async requireListen(fleet: FleetId, addresses: readonly Address[]): Promise<void> {
    const alive = await this.#process.alive();
    await requireAddresses(fleet, addresses, this.#fleets, alive ? this.#fleets : NOTHING);
  }

  async remove(fleet: FleetId): Promise<void> {
    if (!this.#fleets.has(fleet)) return;
    const next = new Map(this.#fleets);
    next.delete(fleet);
    this.#settled.delete(fleet);
    await this.#collect();
    if (next.size > 0) return this.#restructure(next);
    await this.#save(next, false);
    this.#fleets = next;
    await this.#process.stop();
  }

  /** Deletes the servers of endpoints that are gone, once their connections are; keeps the log small. */
  async sweep(): Promise<void> {
    await this.#process.trimLog();
    if (this.#leftovers > 0) await this.#converge([...this.#fleets.keys()]);
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  /** What only a new worker can do. Where HAProxy or the machine refuses it, everything stays as it was. */
  async #restructure(next: Fleets): Promise<void> {
    const alive = await this.#process.alive();
    await requireDoors(next, alive ? this.#fleets : NOTHING);
    const before = this.#fleets;
    try {
      await this.#save(next, true);
      this.#fleets = next;
      if (alive) await this.#reload();
      else await this.#process.start(this.#structure(next));
    } catch (error) {
      await this.#goBack(before);
      throw error;
    }
    await this.#establish();
  }

  /** Counters of the last moments are worth less than the change that follows. */
  async #collect(): Promise<void> {
    await this.#parts.collect().catch((error: unknown) => this.#parts.log.warn(`metrics were not read: ${messageOf(error)}`));
  }

  async #reload(): Promise<void> {
    await this.#collect();
    await this.#process.reload(this.#structure(this.#fleets));
  }

  /** A master that failed to reload keeps its old workers; with the old files its next reload works again. */
  async #goBack(before: Fleets): Promise<void> {
    this.#fleets = before;
    try {
      await this.#save(before, false);
      if (before.size === 0) return await this.#process.stop();
      if (!(await this.#process.alive())) return;
      const { current } = await this.master.workers();
      if (current === null) await this.#process.reload(this.#structure(before));
    } catch (error) {
      this.#parts.log.warn(`the load balancer could not be put back: ${messageOf(error)}`);
    }
  }

  /** A worker that has just begun: what the file can't say, and what older workers still need to know. */
  async #establish(): Promise<void> {
    await this.#relayOld();
    await assertHealth(await this.master.current(), [...this.#fleets.values()]);
    await this.#converge([...this.#fleets.keys()]);
  }

  async #relayOld(): Promise<void> {
    for (const pid of (await this.master.workers()).old) {
      try {
        await relay(this.master.worker(pid), this.#parts.paths);
      } catch (error) {
        if ((await this.master.workers()).old.includes(pid)) throw error;
      }
    }
  }

  async #converge(fleets: readonly FleetId[]): Promise<void> {
    for (const fleet of fleets) this.#settled.delete(fleet);
    const routed = [...this.#fleets.values()].filter(({ table }) => fleets.includes(table.fleet));
    this.#leftovers = await converge(await this.master.current(), routed, this.#parts.paths);
    for (const fleet of fleets) this.#settled.add(fleet);
  }

  #save(fleets: Fleets, checked: boolean): Promise<void> {
    return saveFleets(fleets, this.#parts.paths, this.#parts.machine, checked);
  }

  #structure(fleets: Fleets): ReturnType<typeof structureOf> {
    return structureOf(fleets, this.#parts.paths, this.#parts.machine);
  }
}

/** To whom counters belong. */
const counted = ({ slots, table }: RoutedFleet): unknown => [slots, table.preview?.group ?? null, table.canary?.group ?? null];
