/**
 * An Engine made of a Runtime and a Balancer: the keeper's plans (src/plan/keeper.ts) executed. Launches and removals take
 * their time in the background, each with a record of its own; everything else of a round is done in order.
 */
import {
  fleetOf,
  groupId,
  groupOf,
  isJobId,
  releaseOf,
  type ContainerId,
  type FleetId,
  type GroupId,
  type InstanceId,
  type JobId,
} from '../domain/ids.ts';
import type { Digest } from '../domain/digest.ts';
import type { Release } from '../domain/release.ts';
import { whyRevoked, type Revoked } from '../domain/revocation.ts';
import type { InstanceTest } from '../domain/task.ts';
import type {
  Advance,
  Balancer,
  BalancerObservation,
  CallContext,
  Capabilities,
  Engine,
  EngineName,
  FleetObservation,
  GroupMetrics,
  GroupObservation,
  InstanceObservation,
  InstanceUsage,
  Job,
  JobObservation,
  Problem,
  RoutingTable,
  Runtime,
  Traffic,
} from '../engines/engine.ts';
import { messageOf } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { KeeperEvent } from '../plan/events.ts';
import type { KeeperInput } from '../plan/keeper-input.ts';
import { keep, type KeeperStep } from '../plan/keeper.ts';
import { emptyKept, foldKept, type KeptState } from '../plan/kept-state.ts';
import { routingTable } from '../plan/routing.ts';
import { NO_TRAFFIC, sameTraffic, trafficOf } from '../plan/traffic.ts';
import type { Journal } from '../store/journal.ts';
import { ENGINE_KINDS, entryOf, fleetEventOf, keeperEventOf } from './events.ts';
import type { Executor } from './executor.ts';
import { groupSeen } from './group-seen.ts';
import { historyLost, isExplained, type Shown } from './explained.ts';
import { inForce, requireStillThere } from './in-force.ts';
import { mismatch, revokedNow } from './refusals.ts';
import { outputOf, testGroup } from './test-group.ts';
import { routeChange, sameTable } from './route-change.ts';

export interface KeptEngineParts {
  readonly runtime: Runtime;
  readonly balancer: Balancer;
  readonly journal: Journal;
  readonly executor: Executor;
  readonly clock: Clock;
  readonly revoked: Revoked;
  /** Six characters of a-z0-9, never the same twice. */
  readonly drawId: () => string;
}

/** What was seen so long ago at most, and nothing done since, need not be looked at again: the planner's look serves the keeper. */
const FRESH_MS = 20;
/** After a failed removal, before it is tried again. */
const RETRY_MS = 1_000;

export class KeptEngine implements Engine {
  readonly #parts: KeptEngineParts;
  readonly #kept = new Map<FleetId, KeptState>();
  readonly #releases = new Map<GroupId, Release>();
  readonly #busy = new Map<InstanceId, 'launch' | 'remove'>();
  /** The last table that was acknowledged. */
  readonly #applied = new Map<FleetId, RoutingTable>();
  /** Where the launches under way go. */
  readonly #placed = new Map<InstanceId, string>();
  /** Replacements of failed instances that are under way. */
  readonly #healing = new Map<FleetId, number>();
  readonly #trouble = new Map<FleetId, string>();
  /** The last look, while nothing was done since. */
  readonly #looked = new Map<FleetId, KeeperInput>();
  readonly #listeners = new Set<(fleet: FleetId) => void>();
  /** How many of each group the last observation called healthy. */
  readonly #shown = new Map<FleetId, ReadonlyMap<GroupId, number>>();
  /** When the load balancer was first seen to drain an instance. Not kept: a new daemon gives the whole budget again. */
  readonly #draining = new Map<InstanceId, number>();

  /** Rebuilds from the journal what was asked for. */
  constructor(parts: KeptEngineParts) {
    this.#parts = parts;
    for (const entry of parts.journal.read({ kinds: ENGINE_KINDS })) {
      if (entry.fleet === null) continue;
      const fleetEvent = fleetEventOf(entry);
      if (fleetEvent?.kind === 'release.made') this.#learn(entry.fleet, fleetEvent.release);
      const event = keeperEventOf(entry);
      if (event !== null) this.#kept.set(entry.fleet, foldKept(this.#keptOf(entry.fleet), event, entry.at));
    }
  }

  get name(): EngineName {
    return this.#parts.runtime.name;
  }

  get capabilities(): Capabilities {
    return this.#parts.runtime.capabilities;
  }

  async check(ctx: CallContext): Promise<readonly Problem[]> {
    return [...(await this.#parts.runtime.check(ctx)), ...(await this.#parts.balancer.check(ctx))];
  }

  ensureImage(image: Digest, ctx: CallContext): Promise<void> {
    return this.#parts.runtime.ensureImage(image, ctx);
  }

  ensureGroup(group: GroupId, release: Release, size: number): Promise<void> {
    const known = this.#releases.get(group);
    if (known !== undefined && known.hash !== release.hash) throw mismatch(group);
    const fleet = fleetOf(group);
    this.#learn(fleet, release);
    this.#record(fleet, [{ kind: 'group.sized', group, size }]);
    return Promise.resolve();
  }

  retireInstance(instance: InstanceId, size: number, why: string): Promise<void> {
    const group = groupOf(instance);
    if (!this.#keptOf(fleetOf(group)).retiring.has(instance)) {
      this.#record(fleetOf(group), [
        { kind: 'group.sized', group, size },
        { kind: 'instance.retiring', instance, why },
      ]);
    }
    return Promise.resolve();
  }

  async kill(instance: InstanceId, why: string, ctx: CallContext): Promise<void> {
    const fleet = fleetOf(groupOf(instance));
    if (!this.#keptOf(fleet).killed.has(instance)) this.#record(fleet, [{ kind: 'instance.killed', instance, why }]);
    await this.#parts.runtime.kill(instance, ctx);
    this.#looked.delete(fleet);
  }

  deleteGroup(group: GroupId): Promise<void> {
    const fleet = fleetOf(group);
    if (this.#keptOf(fleet).groups.has(group)) this.#record(fleet, [{ kind: 'group.deleted', group }]);
    return Promise.resolve();
  }

  async setTraffic(fleet: FleetId, traffic: Traffic, ctx: CallContext): Promise<void> {
    const input = await this.#input(fleet, ctx);
    const kept = { ...input.kept, ...traffic };
    const table = routingTable({ ...input, kept }, new Set(kept.retiring.keys()));
    if (table !== null) requireStillThere(table, input.balancer, this.#shown.get(fleet));
    this.#record(fleet, [{ kind: 'traffic.set', ...traffic }]);
    if (table !== null) await this.#route(table, ctx);
  }

  async startJob(job: Job, ctx: CallContext): Promise<void> {
    this.#looked.delete(fleetOf(groupOf(job.id)));
    const revocation = this.#parts.revoked(job.release.content.image);
    if (revocation !== null) throw revokedNow(job.id, revocation);
    this.#learn(fleetOf(groupOf(job.id)), job.release);
    await this.#parts.runtime.startJob(job, ctx);
  }

  removeJob(id: JobId, ctx: CallContext): Promise<void> {
    return this.#parts.runtime.removeJob(id, ctx);
  }

  /** Those of a fleet. */
  async jobs(fleet: FleetId, ctx: CallContext): Promise<readonly JobObservation[]> {
    return (await this.#parts.runtime.jobs(ctx)).filter(({ id }) => fleetOf(groupOf(id)) === fleet);
  }

  async output(group: GroupId, command: readonly string[], ctx: CallContext): Promise<string> {
    return outputOf(this.#parts.runtime, await this.instances(fleetOf(group), ctx), group, command, ctx);
  }

  async test(group: GroupId, test: InstanceTest, withinMs: number, ctx: CallContext): Promise<string | null> {
    return testGroup(this.#parts.runtime, await this.instances(fleetOf(group), ctx), group, { test, withinMs }, ctx);
  }

  metrics(fleet: FleetId, ctx: CallContext): Promise<readonly GroupMetrics[]> {
    return this.#parts.balancer.metrics(fleet, ctx);
  }

  usage(fleet: FleetId, ctx: CallContext): Promise<readonly InstanceUsage[]> {
    return this.#parts.runtime.usage(fleet, ctx);
  }

  async forget(fleet: FleetId, ctx: CallContext): Promise<void> {
    await this.#parts.balancer.remove(fleet, ctx);
    this.#applied.delete(fleet);
    this.#trouble.delete(fleet);
    this.#healing.delete(fleet);
  }

  onChange(listener: (fleet: FleetId) => void): () => void {
    this.#listeners.add(listener);
    const stop = this.#parts.runtime.onChange(listener);
    return () => {
      stop();
      this.#listeners.delete(listener);
    };
  }

  async observe(fleet: FleetId, ctx: CallContext): Promise<FleetObservation> {
    const input = await this.#input(fleet, ctx);
    this.#looked.set(fleet, input);
    const { kept, jobs, balancer } = input;
    const groups = [...kept.groups.values()].map((group) => groupSeen(group, input, this.#takesTraffic(kept)));
    this.#shown.set(fleet, new Map(groups.map((each) => [each.group, each.healthySince.length])));
    const routed = this.#takesTraffic(kept);
    const acknowledged = trafficOf(routed ? (balancer ?? NO_TRAFFIC) : kept);
    const trouble = this.#trouble.get(fleet) ?? this.#barred(groups);
    return { fleet, groups, jobs, ...acknowledged, settled: sameTraffic(kept, acknowledged), trouble };
  }

  /**
   * One round of the keeper. It keeps the split that is in force: one that was asked for and never acknowledged is the
   * planner's to ask for again, after another look. Only a load balancer that lost all is told what was asked for last.
   */
  async advance(fleet: FleetId, ctx: CallContext): Promise<Advance> {
    const looked = this.#looked.get(fleet);
    this.#looked.delete(fleet);
    const isFresh = looked !== undefined && this.#parts.clock.now() - looked.now <= FRESH_MS;
    const input = isFresh ? looked : await this.#input(fleet, ctx);
    const kept = input.balancer === null ? input.kept : { ...input.kept, ...trafficOf(input.balancer) };
    // The room as it is now: other fleets have planned since the look.
    const plan = keep({ ...input, kept, healingRoom: this.#healingRoom(fleet) });
    if (plan.healing > 0) this.#healing.set(fleet, plan.healing);
    else this.#healing.delete(fleet);
    let changed = false;
    for (const step of plan.steps) changed = (await this.#execute(fleet, step, input.balancer, ctx)) || changed;
    return { changed, wakeAt: plan.wakeAt };
  }

  /** Everything that runs, for status. */
  instances(fleet: FleetId, ctx: CallContext): Promise<readonly InstanceObservation[]> {
    return this.#parts.runtime.observe(ctx, fleet);
  }

  /** What runs without any release of the history, in every fleet. Such a fleet is neither observed nor acted on: HISTORY_LOST. */
  async unexplained(ctx: CallContext): Promise<readonly Shown[]> {
    const { runtime } = this.#parts;
    const shown = [...(await runtime.observe(ctx)), ...(await runtime.jobs(ctx))];
    return shown.filter((seen) => !isExplained(this.#releases, seen));
  }

  /** Drained before, by the caller. Absent is success. */
  async removeUnexplained(id: ContainerId, ctx: CallContext): Promise<void> {
    const { executor, runtime } = this.#parts;
    const remove = (): Promise<void> => (isJobId(id) ? runtime.removeJob(id, ctx) : runtime.remove(id, ctx));
    await executor.effect(fleetOf(groupOf(id)), { step: 'remove', instance: id }, remove);
  }

  async #input(fleet: FleetId, ctx: CallContext): Promise<KeeperInput> {
    // What leaves is from before the look: an instance that is removed during it may still be seen.
    const kept = this.#keptOf(fleet);
    const busy = new Map([...this.#busy].filter(([id]) => fleetOf(groupOf(id)) === fleet));
    const jobs = await this.jobs(fleet, ctx);
    const instances = await this.instances(fleet, ctx);
    const strange = [...instances, ...jobs].filter((seen) => !isExplained(this.#releases, seen));
    if (strange.length > 0) throw historyLost(strange, fleet);
    const balancer = this.#takesTraffic(kept) ? await this.#parts.balancer.observe(fleet, ctx) : null;
    const { clock, drawId, revoked } = this.#parts;
    const { zones } = this.capabilities;
    const release = (group: GroupId): Release | null => this.#releases.get(group) ?? null;
    const now = clock.now();
    const grouped = Map.groupBy(instances, ({ group }) => group);
    const endpoints = new Map((balancer?.endpoints ?? []).map((each) => [each.instance, each] as const));
    const draining = this.#drainsOf(fleet, balancer, now);
    return {
      kept,
      release,
      instances,
      jobs,
      grouped,
      balancer,
      endpoints,
      draining,
      busy,
      zones,
      placed: this.#placed,
      healingRoom: this.#healingRoom(fleet),
      revoked,
      now,
      drawId,
    };
  }

  #healingRoom(fleet: FleetId): number {
    return [...this.#healing].reduce(
      (room, [other, count]) => (other === fleet ? room : room - count),
      this.capabilities.healing,
    );
  }

  #drainsOf(fleet: FleetId, balancer: BalancerObservation | null, now: number): ReadonlyMap<InstanceId, number> {
    const drains = (balancer?.endpoints ?? []).filter((endpoint) => endpoint.state === 'drain');
    const since = new Map(drains.map(({ instance }) => [instance, this.#draining.get(instance) ?? now] as const));
    for (const id of this.#draining.keys()) if (fleetOf(groupOf(id)) === fleet) this.#draining.delete(id);
    for (const [id, at] of since) this.#draining.set(id, at);
    return since;
  }

  /** True where something was done that is worth another look. */
  async #execute(fleet: FleetId, step: KeeperStep, seen: BalancerObservation | null, ctx: CallContext): Promise<boolean> {
    switch (step.kind) {
      case 'record':
        this.#record(fleet, [step.event]);
        return true;
      case 'route':
        if (sameTable(step.table, this.#applied.get(fleet)) && inForce(step.table, seen)) return false;
        await this.#route(step.table, ctx);
        return true;
      case 'launch':
        this.#launch(fleet, step, ctx);
        return false;
      case 'remove':
        this.#remove(fleet, step.instance, ctx);
        return false;
      case 'evict':
        // Its beginning is in the journal, and with it how fast it goes on.
        await this.#parts.balancer.evict(step.instance, step.most, ctx);
        return false;
    }
  }

  async #route(table: RoutingTable, ctx: CallContext): Promise<void> {
    const change = routeChange(this.#applied.get(table.fleet) ?? null, table);
    this.#applied.delete(table.fleet);
    const step = { step: 'route', change };
    try {
      await this.#parts.executor.effect(table.fleet, step, () => this.#parts.balancer.apply(table, ctx));
    } catch (error) {
      this.#trouble.set(table.fleet, messageOf(error));
      throw error;
    }
    this.#trouble.delete(table.fleet);
    this.#applied.set(table.fleet, table);
  }

  #launch(fleet: FleetId, { instance: id, zone }: Extract<KeeperStep, { kind: 'launch' }>, ctx: CallContext): void {
    const { executor, runtime, revoked, clock } = this.#parts;
    const launchedAt = clock.now();
    if (zone !== null) this.#placed.set(id, zone);
    const release = this.#releaseOf(groupOf(id));
    const start = async (): Promise<void> => {
      // Nothing comes between this question and the call (law 1): a plan may be older than the revocation.
      const revocation = revoked(release.content.image);
      if (revocation !== null) throw revokedNow(id, revocation);
      await runtime.launch(id, release, ctx, zone ?? undefined);
    };
    this.#background(id, 'launch', async () => {
      try {
        await executor.effect(fleet, { step: 'launch', instance: id, ...(zone === null ? {} : { zone }) }, start);
      } catch (error) {
        // Perhaps only its answer was lost, and it serves by now. What is there is the keeper's, half made or whole.
        const there = (await runtime.observe(ctx, fleet)).some((seen) => seen.id === id);
        if (!there) this.#record(fleet, [{ kind: 'instance.failed', instance: id, why: messageOf(error), launchedAt }]);
      }
    });
  }

  #remove(fleet: FleetId, id: InstanceId, ctx: CallContext): void {
    const { executor, runtime } = this.#parts;
    this.#background(id, 'remove', async () => {
      await executor.effect(fleet, { step: 'remove', instance: id }, () => runtime.remove(id, ctx));
      this.#record(fleet, [{ kind: 'instance.removed', instance: id }]);
    });
  }

  /** One at a time for each instance. A failure is in the journal; it is left alone for a moment, then planned again. */
  #background(id: InstanceId, what: 'launch' | 'remove', act: () => Promise<void>): void {
    const { executor, clock } = this.#parts;
    const fleet = fleetOf(groupOf(id));
    this.#busy.set(id, what);
    this.#looked.delete(fleet);
    act()
      .catch(() => (executor.signal.aborted ? undefined : clock.sleep(RETRY_MS, executor.signal).catch(() => {})))
      .finally(() => {
        this.#busy.delete(id);
        this.#placed.delete(id);
        this.#looked.delete(fleet);
        for (const listener of this.#listeners) listener(fleet);
      })
      .catch(() => {});
  }

  /** What keeps a group from being made whole although nothing is wrong with the machine. */
  #barred(groups: readonly GroupObservation[]): string | null {
    for (const { group } of groups.filter(({ size, running }) => running < size)) {
      const revocation = this.#parts.revoked(this.#releaseOf(group).content.image);
      if (revocation !== null) return `nothing of r${releaseOf(group)} may be launched: its image was ${whyRevoked(revocation)}`;
    }
    return null;
  }

  #takesTraffic(kept: KeptState): boolean {
    return [...kept.groups.keys()].some((group) => this.#releaseOf(group).content.routing.listen !== null);
  }

  #record(fleet: FleetId, events: readonly KeeperEvent[]): void {
    this.#looked.delete(fleet);
    const entries = this.#parts.executor.append(events.map((event) => entryOf(fleet, event)));
    for (const entry of entries) {
      const event = keeperEventOf(entry);
      if (event !== null) this.#kept.set(fleet, foldKept(this.#keptOf(fleet), event, entry.at));
    }
  }

  #keptOf(fleet: FleetId): KeptState {
    return this.#kept.get(fleet) ?? emptyKept(fleet);
  }

  #learn(fleet: FleetId, release: Release): void {
    this.#releases.set(groupId(fleet, release.number), release);
  }

  #releaseOf(group: GroupId): Release {
    const release = this.#releases.get(group);
    if (release === undefined) throw new RangeError(`no release was ever made for ${group}`);
    return release;
  }
}
