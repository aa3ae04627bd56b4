/**
 * Measures the load of one fleet: counters are read now and then, and what grew between two readings is a rate. Kept in
 * memory only: a new daemon measures anew, and until it knows enough the size stays as it is.
 */
import { groupId, groupOf, releaseOf, type GroupId, type InstanceId } from '../domain/ids.ts';
import type { Measurement, ScaleTarget } from '../domain/upkeep.ts';
import type { CallContext, Engine, FleetObservation } from '../engines/engine.ts';
import type { Clock } from '../platform/clock.ts';
import type { Measure } from './measure.ts';
import { releaseOfState, type FleetState } from '../plan/state.ts';

/** Between two readings; over how long rates are taken; and how much of that has to be known. */
const SAMPLE_MS = 5_000;
const WINDOW_MS = 60_000;
const LEAST_MS = 15_000;
/** A reading that has not come by then is given up. */
const HANGS_MS = 30_000;

/** Counters, or null where they could not be read. They only grow. */
interface Sample {
  readonly at: number;
  readonly cpuMs: ReadonlyMap<InstanceId, number> | null;
  readonly requests: ReadonlyMap<GroupId, number> | null;
  /** What the metric says now: no counter. */
  readonly metric: number | null;
}

export interface MeterParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly measure: Measure;
}

export class Meter {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #ask: Measure;
  #samples: readonly Sample[] = [];
  /** When it last began to read, and whether that is still under way. */
  #readAt: number | null = null;
  #reading = false;

  constructor({ engine, clock, measure }: MeterParts) {
    this.#engine = engine;
    this.#clock = clock;
    this.#ask = measure;
  }

  /** When it wants to read again; null where nothing is measured. */
  get nextAt(): number | null {
    if (this.#readAt === null) return null;
    const now = this.#clock.now();
    const due = this.#readAt + SAMPLE_MS;
    // What hangs is looked at as often as what answers, not as fast as the machine can.
    return this.#reading && due <= now ? now + SAMPLE_MS : due;
  }

  /**
   * What is known now; null for a fleet whose size follows nothing. Where it is time to, reading begins: nobody waits for
   * it, so that a source that hangs keeps no fleet from healing.
   */
  measure(state: FleetState, observed: FleetObservation, ctx: CallContext): readonly Measurement[] | null {
    const { scale } = state.upkeep;
    if (scale === null) {
      this.#samples = [];
      this.#readAt = null;
      return null;
    }
    const now = this.#clock.now();
    if (this.#isDue(now)) void this.#read(servingGroups(state, observed), state, scale.targets, now, ctx);
    return scale.targets.map((target) => this.#measurement(target, state, observed));
  }

  #isDue(now: number): boolean {
    if (this.#readAt === null) return true;
    return now - this.#readAt >= (this.#reading ? HANGS_MS : SAMPLE_MS);
  }

  /** Never throws. */
  async #read(
    serving: ReadonlySet<GroupId>,
    { fleet }: FleetState,
    targets: readonly ScaleTarget[],
    at: number,
    ctx: CallContext,
  ): Promise<void> {
    this.#reading = true;
    this.#readAt = at;
    const asks = (kind: ScaleTarget['kind']): boolean => targets.some((target) => target.kind === kind);
    const followed = targets.find((target) => target.kind === 'metric');
    const [group] = serving;
    const [usage, metrics, metric] = await Promise.all([
      asks('cpu') ? this.#engine.usage(fleet, ctx).catch(unread) : null,
      asks('requests') ? this.#engine.metrics(fleet, ctx).catch(unread) : null,
      followed === undefined || group === undefined ? null : this.#ask(followed.source, group, HANGS_MS, ctx).catch(unread),
    ]);
    // Given up meanwhile: another reading has begun.
    if (this.#readAt !== at) return;
    const now = this.#clock.now();
    const sample: Sample = {
      at: now,
      cpuMs: usage === null ? null : new Map(usage.map(({ instance, cpuMs }) => [instance, cpuMs])),
      requests: metrics === null ? null : new Map(metrics.map((each) => [each.group, each.requests])),
      metric,
    };
    this.#samples = [...this.#samples.filter((each) => now - each.at <= WINDOW_MS), sample];
    this.#reading = false;
  }

  #measurement(target: ScaleTarget, state: FleetState, observed: FleetObservation): Measurement {
    if (target.kind === 'metric') {
      const total = this.#samples.at(-1)?.metric ?? null;
      return { ...target, total, whole: total !== null };
    }
    const serving = servingGroups(state, observed);
    const { total, whole } = target.kind === 'cpu' ? this.#cpu(state, observed, serving) : this.#requests(serving);
    return { ...target, total, whole };
  }

  #cpu(state: FleetState, observed: FleetObservation, serving: ReadonlySet<GroupId>): Rate {
    const { rates, whole } = ratesOf(
      this.#samples,
      ({ cpuMs }) => cpuMs,
      (id) => serving.has(groupOf(id)),
    );
    const healthy = observed.groups.filter(({ group }) => serving.has(group)).flatMap(({ healthySince }) => healthySince);
    const percents = [...rates].map(([id, perMs]) => (100 * perMs) / cpusOf(state, groupOf(id)));
    return { total: percents.length === 0 ? null : sum(percents), whole: whole && percents.length >= healthy.length };
  }

  #requests(serving: ReadonlySet<GroupId>): Rate {
    const { rates, whole } = ratesOf(
      this.#samples,
      ({ requests }) => requests,
      (group) => serving.has(group),
    );
    return { total: rates.size === 0 ? null : 1000 * sum([...rates.values()]), whole: whole && rates.size === serving.size };
  }
}

const unread = (): null => null;

interface Rate {
  readonly total: number | null;
  readonly whole: boolean;
}

interface Rates<K> {
  /** Per ms. */
  readonly rates: ReadonlyMap<K, number>;
  /** All over the same time. Else some are from before others were there, and what those took over counts twice. */
  readonly whole: boolean;
}

/** Of each that was read long enough ago and is there in the newest reading. A counter that fell is another's. */
function ratesOf<K>(
  samples: readonly Sample[],
  countersOf: (sample: Sample) => ReadonlyMap<K, number> | null,
  counts: (key: K) => boolean,
): Rates<K> {
  const last = samples.at(-1);
  const newest = last === undefined ? null : countersOf(last);
  const rates = new Map<K, number>();
  if (last === undefined || newest === null) return { rates, whole: false };
  const keys = [...newest.keys()].filter(counts);
  const has = (sample: Sample, key: K): boolean => countersOf(sample)?.has(key) === true;
  const common = samples.find((sample) => keys.every((key) => has(sample, key)));
  const whole = common !== undefined && last.at - common.at >= LEAST_MS;
  for (const key of keys) {
    const first = whole ? common : samples.find((sample) => has(sample, key));
    const [before, after] = [first === undefined ? undefined : countersOf(first)?.get(key), newest.get(key)];
    if (first === undefined || before === undefined || after === undefined || after < before) continue;
    if (last.at - first.at >= LEAST_MS) rates.set(key, (after - before) / (last.at - first.at));
  }
  return { rates, whole };
}

/** Those that get traffic; of a fleet that takes none, the one that serves. */
function servingGroups({ fleet, serving }: FleetState, { groups, weights }: FleetObservation): ReadonlySet<GroupId> {
  const weighted = groups.filter(({ group }) => (weights[group] ?? 0) > 0).map(({ group }) => group);
  const alone = serving === null ? [] : [groupId(fleet, serving)];
  return new Set(weighted.length > 0 ? weighted : alone);
}

/** What the percents are of. */
const cpusOf = (state: FleetState, group: GroupId): number =>
  releaseOfState(state, releaseOf(group)).content.launch.limits.cpus ?? 1;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
