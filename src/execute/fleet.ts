/**
 * One fleet's loop: observe, plan, lint the plan, journal, execute, observe again until there is nothing to do; then wait
 * for a change or for the time that the plan named. One round at a time; commands come between the steps of a round and
 * make what is left of it void.
 */
import { canonicalJson, type Json } from '../domain/json.ts';
import type { Digest } from '../domain/digest.ts';
import type { FleetId } from '../domain/ids.ts';
import type { Revoked } from '../domain/revocation.ts';
import type { Measurement } from '../domain/upkeep.ts';
import type { CallContext, FleetObservation, GroupMetrics } from '../engines/engine.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { beginChaos, planChaos, type ChaosPlan, type ChaosRequest } from '../plan/chaos.ts';
import { decide, type Command } from '../plan/commands.ts';
import type { FleetEvent } from '../plan/events.ts';
import { lintPlan } from '../plan/lint.ts';
import type { Plan, Step } from '../plan/plan.ts';
import { reconcile } from '../plan/reconcile.ts';
import { emptyFleet, fold, isJudged, releaseOfState, type FleetState } from '../plan/state.ts';
import { trafficOf } from '../plan/traffic.ts';
import type { Entry, NewEntry } from '../store/journal.ts';
import { entryOf, fleetEventOf } from './events.ts';
import type { Executor } from './executor.ts';
import { Meter } from './meter.ts';
import { Sampler, type SamplerParts } from './sampler.ts';
import { Tasks, type TaskParts } from './tasks.ts';

export interface FleetParts extends TaskParts, SamplerParts {
  readonly revoked: Revoked;
}

/** Why a nap ends early: made once, because it costs more than the nap. */
const WOKEN = new Error('something may have changed');
/** Rounds in one tick: more would be a planner that never comes to rest. */
const MAX_ROUNDS = 100;
/** The longest time without a look; at rest, while look after look finds nothing to do, doubled each time up to half a minute. */
const REST_MS = 2_000;
const MAX_REST_DOUBLINGS = 4;
const INSTANCES_PER_PACE_MS = 10;
const MAX_PACE_MS = 250;
/** After a round that threw: 250 ms, doubled each time up to 8 s. */
const RETRY_MS = 250;
const MAX_RETRY_DOUBLINGS = 5;
/** Before an image that could not be made ready is tried again. */
const IMAGE_RETRY_MS = 2_000;

/** What else an append has, for what was decided. */
export type Along = (events: readonly FleetEvent[]) => readonly NewEntry[];

/** The last plan, and what it was made from. */
export interface Look {
  readonly plan: Plan;
  readonly observed: FleetObservation;
  readonly load: readonly Measurement[] | null;
}

export class Fleet {
  readonly id: FleetId;
  readonly #parts: FleetParts;
  readonly #tasks: Tasks;
  readonly #sampler: Sampler;
  #state: FleetState;
  #image: Digest | null = null;
  #running: Promise<number> | null = null;
  /** Rounds asked for and not begun. */
  #asked = 0;
  #nap = new AbortController();
  /** Looks in a row that found the fleet at rest. */
  #restful = 0;
  /** The last plan, what it was made from, and what went wrong since; for people. */
  #last: Look | null = null;
  readonly #meter: Meter;
  #trouble: string | null = null;
  #failedRounds = 0;
  #refused: string | null = null;

  constructor(id: FleetId, parts: FleetParts) {
    this.id = id;
    this.#parts = parts;
    this.#state = emptyFleet(id);
    this.#meter = new Meter(parts);
    const record = (event: FleetEvent): void => this.#append([entryOf(id, event)]);
    const owner = { state: () => this.#state, record, wake: () => this.wake() };
    this.#tasks = new Tasks(parts, owner);
    this.#sampler = new Sampler(parts, owner);
  }

  get state(): FleetState {
    return this.#state;
  }

  get last(): Look | null {
    return this.#last;
  }

  get trouble(): string | null {
    return this.#trouble;
  }

  /** Alarms that could not be read when they were last asked for, and why. */
  get unreadableAlarms(): ReadonlyMap<string, string> {
    return this.#sampler.unreadable;
  }

  /** Folds an entry that is already in the journal. */
  replay(entry: Entry): void {
    const event = fleetEventOf(entry);
    if (event !== null) this.#state = fold(this.#state, event, entry.seq, entry.at);
  }

  /** Decides and records, all or nothing, with what else is to be recorded of it. Returns the events: none where all was so already. */
  command(command: Command, by: string, along: Along = () => []): readonly FleetEvent[] {
    const events = decide(this.#state, command, this.#parts.revoked);
    const given = { fleet: this.id, kind: 'command.given', data: { command: command.kind, by } };
    const own = events.length === 0 ? [] : [given, ...events.map((event) => entryOf(this.id, event))];
    this.#append([...own, ...along(events)]);
    return events;
  }

  /** What an experiment would kill, going by the last look. */
  planChaos(request: ChaosRequest): ChaosPlan {
    return planChaos(this.#state, this.#observed(), request);
  }

  /** Decides and records; the next rounds kill. Returns the seq of its begin with the plan. */
  chaos(request: ChaosRequest): ChaosPlan & { readonly experiment: number } {
    const { plan, event } = beginChaos(this.#state, this.#observed(), request);
    const given = { fleet: this.id, kind: 'command.given', data: { command: 'chaos', by: request.by } };
    this.#append([given, entryOf(this.id, event)]);
    return { ...plan, experiment: this.#state.experiment?.id ?? 0 };
  }

  #observed(): FleetObservation {
    if (this.#last !== null && this.#trouble === null) return this.#last.observed;
    throw new KilnError('CHAOS_REFUSED', `${this.id} cannot be looked at: ${this.#trouble ?? 'not yet'}`, {
      hint: '`kiln status` shows what is wrong',
    });
  }

  /** No daemon has looked after it for so long at least. */
  unattended(ms: number): void {
    this.#append([entryOf(this.id, { kind: 'fleet.unattended', ms })]);
  }

  /** What would be done now; nothing is. */
  async preview(events: readonly FleetEvent[]): Promise<Plan> {
    const { engine, clock, executor, revoked } = this.#parts;
    const imagined = events.reduce((state, event) => fold(state, event, state.seq + 1, clock.now()), this.#state);
    const observed = await engine.observe(this.id, { signal: executor.signal });
    return reconcile(imagined, observed, { now: clock.now(), revoked, metrics: null, load: null });
  }

  /** Rounds until nothing is left to do; then the time of the next look, ms since the epoch. Never throws. */
  tick(): Promise<number> {
    this.#asked += 1;
    this.#running ??= this.#rounds().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Ticks until the executor is closed and it is woken: at once when woken, else when the last plan said. */
  async run(): Promise<void> {
    const { clock, executor } = this.#parts;
    while (!executor.signal.aborted) {
      this.#nap = new AbortController();
      const wakeAt = await this.tick();
      const soonest = clock.now() + this.#paceMs();
      await clock.sleep(Math.max(0, wakeAt - clock.now()), this.#nap.signal).catch(() => {});
      if (clock.now() < soonest) await clock.sleep(soonest - clock.now(), executor.signal).catch(() => {});
    }
  }

  /** Of a large fleet something changes all the time: what comes within this is one look. */
  #paceMs(): number {
    const running = (this.#last?.observed.groups ?? []).reduce((sum, group) => sum + group.running, 0);
    return Math.min(MAX_PACE_MS, Math.floor(running / INSTANCES_PER_PACE_MS));
  }

  /** Something may have changed: the next look is now. */
  wake(): void {
    this.#asked += 1;
    this.#restful = 0;
    this.#nap.abort(WOKEN);
  }

  async #rounds(): Promise<number> {
    let wakeAt = 0;
    for (let round = 0; round < MAX_ROUNDS && this.#asked > 0; round++) {
      this.#asked = 0;
      wakeAt = await this.#round();
    }
    return wakeAt;
  }

  async #round(): Promise<number> {
    const { clock, executor } = this.#parts;
    try {
      const wakeAt = await this.#look({ signal: executor.signal });
      this.#trouble = null;
      this.#failedRounds = 0;
      return wakeAt;
    } catch (error) {
      this.#trouble = messageOf(error);
      return clock.now() + RETRY_MS * 2 ** Math.min(this.#failedRounds++, MAX_RETRY_DOUBLINGS);
    }
  }

  /**
   * The plan first, so that the engine moves towards what is wanted now and not towards what was before the last command.
   * A plan that fails does not keep the engine from healing.
   */
  async #look(ctx: CallContext): Promise<number> {
    const { engine, clock } = this.#parts;
    const { rollout, size } = this.#state;
    const observed = await engine.observe(this.id, ctx);
    const [followed] = await Promise.allSettled([this.#followPlan(observed, ctx)]);
    if (this.#state.rollout?.id !== rollout?.id || this.#state.size !== size) {
      this.#asked += 1;
      return clock.now();
    }
    const advance = (await engine.advance?.(this.id, ctx)) ?? { changed: false, wakeAt: null };
    if (advance.changed) this.#asked += 1;
    if (followed.status === 'rejected') throw followed.reason;
    const times = [followed.value, advance.wakeAt, this.#meter.nextAt, this.#sampler.nextAt].filter((time) => time !== null);
    return Math.min(clock.now() + this.#restMs(), ...times);
  }

  /** Whoever changes something wakes the fleet: a fleet at rest is looked at for what nobody told. */
  #restMs(): number {
    const resting = this.#asked === 0 && this.#state.rollout === null && this.#last?.plan.waits.length === 0;
    const restMs = REST_MS * 2 ** this.#restful;
    this.#restful = resting ? Math.min(this.#restful + 1, MAX_REST_DOUBLINGS) : 0;
    return resting ? restMs : REST_MS;
  }

  /** When the planner wants to look again. */
  async #followPlan(observed: FleetObservation, ctx: CallContext): Promise<number | null> {
    const { clock, revoked } = this.#parts;
    const metrics = await this.#metrics(ctx);
    const load = this.#meter.measure(this.#state, observed, ctx);
    this.#sampler.look(observed);
    const plan = reconcile(this.#state, observed, { now: clock.now(), revoked, metrics, load });
    this.#last = { plan, observed, load };
    const objections = lintPlan(plan, this.#state, observed, { now: clock.now(), revoked });
    if (objections.length > 0) throw this.#refuse(plan, objections);
    if (await this.#execute(plan, ctx)) this.#asked += 1;
    this.#tasks.prune();
    return plan.wakeAt;
  }

  /** Null where nothing is judged, and where they can't be read: a rollout waits for them until its step's deadline. */
  async #metrics(ctx: CallContext): Promise<readonly GroupMetrics[] | null> {
    if (!isJudged(this.#state)) return null;
    return this.#parts.engine.metrics(this.id, ctx).catch(() => null);
  }

  /** True where something was done that is worth another round. */
  async #execute(plan: Plan, ctx: CallContext): Promise<boolean> {
    let { basis } = plan;
    let changed = false;
    for (const step of plan.steps) {
      if (this.#state.seq !== basis) return true;
      changed = (await this.#step(step, ctx)) || changed;
      if (step.kind === 'record') basis = this.#state.seq;
    }
    return changed;
  }

  async #step(step: Step, ctx: CallContext): Promise<boolean> {
    const { engine, executor } = this.#parts;
    const effect = (act: () => Promise<void>): Promise<boolean> =>
      executor.effect(this.id, { step: step.kind, ...describe(step) }, act).then(() => true);
    switch (step.kind) {
      case 'record':
        this.#append([entryOf(this.id, step.event)]);
        return true;
      case 'ensure-image':
        this.#ensureImage(step.image, ctx);
        return false;
      case 'ensure-group':
        return effect(() => engine.ensureGroup(step.group, releaseOfState(this.#state, step.release), step.size, ctx));
      case 'retire-instance':
        return effect(() => engine.retireInstance(step.instance, step.size, step.why, ctx));
      case 'kill-instance':
        return effect(() => engine.kill(step.instance, step.why, ctx));
      case 'set-traffic':
        return effect(() => engine.setTraffic(this.id, trafficOf(step), ctx));
      case 'start-job':
        return this.#tasks.start(step, ctx).then(() => true);
      case 'end-job':
        this.#tasks.end(step.job, ctx);
        return false;
      case 'run-task':
        this.#tasks.run(step);
        return false;
      case 'delete-group':
        return effect(() => engine.deleteGroup(step.group, ctx));
      case 'forget-fleet':
        return effect(() => engine.forget(this.id, ctx));
    }
  }

  /** Unpacking takes its time, and healing must not wait for it. */
  #ensureImage(image: Digest, ctx: CallContext): void {
    const { engine, executor, clock } = this.#parts;
    if (this.#image !== null) return;
    this.#image = image;
    const rollout = this.#state.rollout?.id;
    executor
      .effect(this.id, { step: 'ensure-image', image }, () => engine.ensureImage(image, ctx))
      .then(() => (this.#state.rollout?.id === rollout ? this.#append([entryOf(this.id, { kind: 'image.ready' })]) : undefined))
      .catch((error: unknown) => {
        this.#trouble = messageOf(error);
        return clock.sleep(IMAGE_RETRY_MS, executor.signal).catch(() => {});
      })
      .finally(() => {
        this.#image = null;
        this.wake();
      })
      .catch(() => {});
  }

  /** In the journal once, however often the planner comes back with the same. */
  #refuse(plan: Plan, objections: readonly string[]): KilnError {
    const steps = canonicalJson(plan.steps);
    if (steps !== this.#refused) this.#append([{ fleet: this.id, kind: 'plan.refused', data: { steps, objections } }]);
    this.#refused = steps;
    const hint = 'Kiln holds the fleet as it is; please report this with the output of `kiln history`';
    return new KilnError('BUG', `the plan for ${this.id} breaks ${objections.join('; ')}`, { hint });
  }

  #append(entries: Parameters<Executor['append']>[0]): void {
    for (const entry of this.#parts.executor.append(entries)) this.replay(entry);
  }
}

function describe(step: Step): Record<string, Json> {
  const { kind: _kind, ...rest } = step;
  return rest as unknown as Record<string, Json>;
}
