/**
 * Asks the sources of a fleet's metrics and alarms, and records what they say. Never in the way of the loop: readings are in
 * the background, bounded in time, and cut off when what they are for is over.
 */
import type { GroupId } from '../domain/ids.ts';
import type { Alarm, Metric } from '../domain/metric.ts';
import type { CallContext, Engine, FleetObservation } from '../engines/engine.ts';
import { messageOf } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import { alarmChange, alarmsOf } from '../plan/alarms.ts';
import type { Sample } from '../plan/judge/samples.ts';
import { judgedNow, type JudgedMetrics } from '../plan/measured.ts';
import type { FleetState } from '../plan/state.ts';
import type { Executor } from './executor.ts';
import type { Measure } from './measure.ts';
import { Readings } from './readings.ts';
import type { TaskOwner } from './tasks.ts';

export interface SamplerParts {
  readonly engine: Engine;
  readonly executor: Executor;
  readonly clock: Clock;
  readonly measure: Measure;
}

const ALARM_EVERY_MS = 5_000;
/** Less than what hangs is given. */
const READ_MS = 10_000;

export class Sampler {
  readonly #parts: SamplerParts;
  readonly #owner: TaskOwner;
  readonly #alarms: Readings;
  readonly #metrics: Readings;
  readonly #unreadable = new Map<string, string>();

  constructor(parts: SamplerParts, owner: TaskOwner) {
    this.#parts = parts;
    this.#owner = owner;
    this.#alarms = new Readings(parts.clock, parts.executor.signal);
    this.#metrics = new Readings(parts.clock, parts.executor.signal);
  }

  /** When it wants to look again. */
  get nextAt(): number | null {
    const times = [this.#alarms.nextAt, this.#metrics.nextAt].filter((time) => time !== null);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Alarms whose source could not be read when it was last asked, and why. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#unreadable;
  }

  /** Begins what is due. `observed`: before anything of the present plan is done. */
  look(observed: FleetObservation): void {
    const state = this.#owner.state();
    const watched = alarmsOf(state);
    if (watched === null) this.#end();
    else {
      const standing = !observed.groups.some(({ group, size }) => group === watched.group && size > 0);
      const { alarms, group } = watched;
      this.#alarms.keep(`${state.rollout?.id}`, ALARM_EVERY_MS, (ctx) => this.#watch(alarms, group, standing, ctx));
    }
    const judged = judgedNow(state);
    if (judged === null) this.#metrics.end();
    else this.#metrics.keep(judged.subject, judged.everyMs, (ctx) => this.#sample(judged, ctx));
  }

  #end(): void {
    this.#alarms.end();
    this.#unreadable.clear();
  }

  async #watch(alarms: readonly Alarm[], group: GroupId, standing: boolean, ctx: CallContext): Promise<void> {
    const rollout = this.#owner.state().rollout?.id;
    await Promise.all(
      alarms.map(async (alarm) => {
        const read = await this.#read(alarm, group, ctx);
        const { rollout: present } = this.#owner.state();
        if (ctx.signal.aborted || present === null || present.id !== rollout) return;
        if (read.why === null) this.#unreadable.delete(alarm.name);
        else this.#unreadable.set(alarm.name, read.why);
        const change = alarmChange(alarm, present.alarms, read.value, standing);
        if (change === null) return;
        this.#owner.record(change);
        this.#owner.wake();
      }),
    );
  }

  async #sample(judged: JudgedMetrics, ctx: CallContext): Promise<void> {
    const read = await Promise.all(judged.metrics.map((metric) => this.#both(metric, judged, ctx)));
    const state = this.#owner.state();
    if (ctx.signal.aborted || judgedNow(state)?.subject !== judged.subject) return;
    const samples = read.flatMap(({ name, sample }) => (sample === null ? [] : [[name, sample] as const]));
    const unreadable = read.flatMap(({ name, why }) => (why === null ? [] : [[name, why] as const]));
    if (samples.length === 0 && sameTrouble(state, unreadable)) return;
    this.#owner.record({
      kind: 'canary.measured',
      step: judged.step,
      samples: Object.fromEntries(samples),
      unreadable: Object.fromEntries(unreadable),
    });
    this.#owner.wake();
  }

  /** At the same moment, as nearly as can be. Without one of them there is nothing to compare. */
  async #both(
    metric: Metric,
    { canary, baseline }: JudgedMetrics,
    ctx: CallContext,
  ): Promise<{ readonly name: string; readonly sample: Sample | null; readonly why: string | null }> {
    const [own, other] = await Promise.all([this.#read(metric, canary, ctx), this.#read(metric, baseline, ctx)]);
    const why = own.why ?? other.why;
    const isKnown = why === null && (own.value !== null || other.value !== null);
    return { name: metric.name, sample: isKnown ? { canary: own.value, baseline: other.value } : null, why };
  }

  /** Never throws. */
  async #read(
    { source }: Alarm | Metric,
    group: GroupId,
    ctx: CallContext,
  ): Promise<{ readonly value: number | null; readonly why: string | null }> {
    try {
      return { value: await this.#parts.measure(source, group, READ_MS, ctx), why: null };
    } catch (error) {
      return { value: null, why: messageOf(error) };
    }
  }
}

const sameTrouble = ({ rollout }: FleetState, unreadable: readonly (readonly [string, string])[]): boolean =>
  JSON.stringify(Object.entries(rollout?.canary.unreadable ?? {})) === JSON.stringify(unreadable);
