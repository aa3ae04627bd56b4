/**
 * Metrics that are asked for now and then: a number for the canary and one for what serves, at the same moment. They are
 * compared as samples, by ranks: nothing is assumed of their distribution, and one odd value decides nothing.
 */
import type { Metric } from '../../domain/metric.ts';
import { binomialGreater, normalTail, rankGreater } from './statistics.ts';

/** One moment's numbers; null where the source gave none for that arm. */
export interface Sample {
  readonly canary: number | null;
  readonly baseline: number | null;
}

/** By the metric's name, oldest first. */
export type Samples = Readonly<Record<string, readonly Sample[]>>;

/** Each question costs its part of the false alarms. */
export const questionsIn = ({ below, above, rise, drop }: Metric): number =>
  [below, above, rise, drop].filter((term) => term !== null).length;

/** Of a step that lasts long so many are taken at its own pace, then as many at half of it, and so on: its journal stays short. */
const AT_ONE_PACE = 100;

/** Between the newest and the next, where so many have been taken. */
export const paceAfter = (everyMs: number, taken: number): number => everyMs * 2 ** Math.floor(taken / AT_ONE_PACE);

export function withSamples(samples: Samples, newest: Readonly<Record<string, Sample>>): Samples {
  const grown = Object.entries(newest).map(([name, sample]) => [name, [...(samples[name] ?? []), sample]] as const);
  return { ...samples, ...Object.fromEntries(grown) };
}

/** A question to the samples of one metric. */
export interface SampleQuestion {
  /** The metric's own name. */
  readonly name: string;
  /** What is asked of it: "queue", "queue ≤ 100". */
  readonly metric: string;
  readonly what: string;
  readonly p: number;
  readonly matters: boolean;
  /** About how many more samples it needs before it can be answered; 0: it has enough. */
  readonly more: number;
}

interface Arms {
  readonly canary: readonly number[];
  readonly baseline: readonly number[];
  /** What each question may cost; decides how many samples are enough. */
  readonly alpha: number;
}

export function sampleQuestions(metric: Metric, samples: readonly Sample[], alpha: number): readonly SampleQuestion[] {
  const [canary, baseline] = [known(samples.map((each) => each.canary)), known(samples.map((each) => each.baseline))];
  const arms = { canary, baseline, alpha };
  const limit = (sign: 1 | -1, bound: number | null): readonly SampleQuestion[] =>
    bound === null ? [] : [limitQuestion(metric.name, sign, bound, arms)];
  const change = (sign: 1 | -1, tolerance: number | null): readonly SampleQuestion[] =>
    tolerance === null ? [] : [changeQuestion(metric.name, sign, tolerance, arms)];
  return [...limit(1, metric.below), ...limit(-1, metric.above), ...change(1, metric.rise), ...change(-1, metric.drop)];
}

const known = (values: readonly (number | null)[]): readonly number[] => values.filter((value) => value !== null);

/**
 * Sign test: the middle of the canary's numbers is beyond the limit, surely. Where what serves is beyond it as well, going
 * back to that would help nobody.
 */
function limitQuestion(name: string, sign: 1 | -1, bound: number, { canary, baseline, alpha }: Arms): SampleQuestion {
  const beyond = canary.filter((value) => (value - bound) * sign > 0).length;
  return {
    name,
    metric: `${name} ${sign > 0 ? '≤' : '≥'} ${number(bound)}`,
    what: canary.length === 0 ? 'nothing measured' : number(middle(canary)),
    p: binomialGreater({ hits: beyond, trials: canary.length }, 0.5),
    matters: !((middle(baseline) - bound) * sign > 0),
    more: Math.max(0, Math.ceil(-Math.log2(alpha)) - canary.length),
  };
}

function changeQuestion(name: string, sign: 1 | -1, tolerance: number, { canary, baseline, alpha }: Arms): SampleQuestion {
  const [own, other] = [middle(canary), middle(baseline)];
  const [a, b] = classes(canary, baseline, sign);
  const most = other + sign * Math.abs(other) * tolerance;
  return {
    name,
    metric: name,
    what: canary.length === 0 || baseline.length === 0 ? 'nothing measured' : `${number(own)} against ${number(other)}`,
    p: rankGreater(a, b).p,
    matters: (own - most) * sign > 0,
    more: Math.max(0, enoughFor(alpha) - Math.min(canary.length, baseline.length)),
  };
}

/** Both as counts in the ordered classes of all values that occur; turned round where lower is worse. */
function classes(
  canary: readonly number[],
  baseline: readonly number[],
  sign: 1 | -1,
): readonly [readonly number[], readonly number[]] {
  const [own, other] = [countsOf(canary), countsOf(baseline)];
  const values = [...new Set([...canary, ...baseline])].toSorted((a, b) => (a - b) * sign);
  return [values.map((value) => own.get(value) ?? 0), values.map((value) => other.get(value) ?? 0)];
}

function countsOf(values: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/**
 * The fewest numbers an arm with which a clear difference (every one above every other) is sure enough: where
 * `rankGreater` comes to no more than alpha.
 */
function enoughFor(alpha: number): number {
  let n = 1;
  while (normalTail(n * Math.sqrt(3 / (2 * n + 1))) > alpha) n += 1;
  return n;
}

/** The median; NaN of nothing. */
export function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.floor(sorted.length / 2)],
  ];
  return (low + high) / 2;
}

const number = (value: number): string => String(Number(value.toPrecision(3)));
