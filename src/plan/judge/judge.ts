/**
 * The judge: what a canary's answers, beside those of the release that served during the same time, say about it. Pure and
 * deterministic: the same counts give the same verdict, and the verdict carries the numbers that it stands on.
 *
 * Counts of one step are pooled and compared by exact tests, because thresholds on ratios of small samples abort good
 * releases. All tests of a rollout share one budget of false alarms (`FALSE_ALARMS`): each step gets its part, and looks
 * before the end of a step only what a geometric series leaves them, so that looking often costs nothing.
 */
import type { JudgeTerms } from '../../domain/release.ts';
import { atQuantile, shareAbove, type Histogram } from './histogram.ts';
import { questionsIn, sampleQuestions, type SampleQuestion, type Samples } from './samples.ts';
import { binomialGreater, fisherGreater, rankGreater, type Share } from './statistics.ts';

/** What one arm answered during the step. */
export interface Arm {
  /** Answers, and requests that got none. */
  readonly requests: number;
  /** Answers of class 5xx, and requests that got none. */
  readonly errors: number;
  readonly latency: Histogram;
}

/** Without what decides when it is asked. */
export type JudgePolicy = Pick<JudgeTerms, 'maxErrors' | 'maxSlowdown' | 'maxLatency' | 'metrics'>;

export interface Test {
  /** "errors", "errors ≤ 1 %", "latency", "p95 ≤ 300 ms". */
  readonly metric: string;
  /** For people: "5.1 % against 1.0 %". */
  readonly what: string;
  /** How likely it is to see this where the release is as good as it should be. */
  readonly p: number;
  /** Below this it has failed. */
  readonly alpha: number;
  readonly failed: boolean;
}

export interface Verdict {
  /** `error`: the load balancer's counts are enough, and a source of metrics has not answered often enough. */
  readonly verdict: 'pass' | 'fail' | 'unsure' | 'error';
  readonly why: string;
  readonly tests: readonly Test[];
  readonly canary: { readonly requests: number; readonly errors: number };
  readonly baseline: { readonly requests: number; readonly errors: number };
  /** Unsure: about so many more requests to the canary; 0 otherwise. */
  readonly more: number;
  /** About so many more numbers of the metric that lacks most. Absent: none lacks any, or nobody needs them yet. */
  readonly numbers?: number;
}

/** What one step has shown. */
export interface Shown {
  readonly canary: Arm;
  readonly baseline: Arm;
  readonly samples: Samples;
}

/** What a last look still lacks; nothing of either: it can be taken. */
export interface Missing {
  /** About so many more requests to the canary. */
  readonly requests: number;
  /** The metric that needs most, and about how many more numbers of it. */
  readonly metric: { readonly name: string; readonly samples: number } | null;
}

/** Of all good releases so many may be aborted, over all steps, looks and metrics of a rollout. */
const FALSE_ALARMS = 0.008;
const EARLY_FALSE_ALARMS = 0.001;

/** What the judge must be able to see before it lets pass: errors up by so much of all requests, slow answers as well. */
const VISIBLE_RISE = 0.05;
/** A difference that matters: less is not worth an abort, however sure. */
const LEAST_MORE_ERRORS = 0.001;
const LEAST_MORE_MS = 5;
/** The slow end of the baseline's answers. */
const SLOW_SHARE = 0.05;
/** Beyond this nobody waits. */
const MOST_REQUESTS = 10_000_000;

export interface Occasion {
  /** Steps of the rollout that are judged, at least 1. */
  readonly steps: number;
  /** Null: the last look of its step. Else the how-manieth look before it, from 1: each at twice the requests of the one before. */
  readonly early: number | null;
}

/** The share of false alarms that one look may cost. */
export const alphaOf = ({ steps, early }: Occasion): number =>
  (early === null ? FALSE_ALARMS : EARLY_FALSE_ALARMS / (early * (early + 1))) / steps;

const countQuestions = ({ canary, baseline }: Shown, policy: JudgePolicy): readonly Question[] => [
  moreErrors(canary, baseline),
  ...(policy.maxSlowdown === null ? [] : slowness(canary.latency, baseline.latency, policy.maxSlowdown)),
  ...(policy.maxErrors === null ? [] : [errorLimit(canary, baseline, policy.maxErrors)]),
  ...policy.maxLatency.map((limit) => latencyLimit(canary, baseline, limit)),
];

/** All that is asked on an occasion; each question gets the same part of what the occasion may cost. */
interface Examination {
  readonly alpha: number;
  readonly counts: readonly Question[];
  readonly samples: readonly SampleQuestion[];
}

function examine(shown: Shown, policy: JudgePolicy, occasion: Occasion): Examination {
  const counts = countQuestions(shown, policy);
  const metrics = policy.metrics?.metrics ?? [];
  const asked = metrics.reduce((sum, metric) => sum + questionsIn(metric), counts.length);
  const alpha = alphaOf(occasion) / asked;
  return {
    alpha,
    counts,
    samples: metrics.flatMap((metric) => sampleQuestions(metric, shown.samples[metric.name] ?? [], alpha)),
  };
}

/** What the last look of a step lacks. */
export function missingFor(shown: Shown, policy: JudgePolicy, steps: number): Missing {
  const { alpha, samples } = examine(shown, policy, { steps, early: null });
  return { requests: missing(shown.canary, shown.baseline, alpha), metric: leastKnown(samples) };
}

function leastKnown(samples: readonly SampleQuestion[]): Missing['metric'] {
  const [most] = samples.filter(({ more }) => more > 0).toSorted((a, b) => b.more - a.more);
  return most === undefined ? null : { name: most.name, samples: most.more };
}

/**
 * Early looks can only fail. The last look of a step is taken once, when `missingFor` says nothing or nobody waits any
 * longer: each further one would cost its share of false alarms again.
 */
export function judge(shown: Shown, policy: JudgePolicy, occasion: Occasion): Verdict {
  const { alpha, counts, samples } = examine(shown, policy, occasion);
  const tests = [...counts, ...samples].map(({ metric, what, p, matters }) => ({
    metric,
    what,
    p,
    alpha,
    failed: matters && p <= alpha,
  }));
  const evidence = { canary: countsOf(shown.canary), baseline: countsOf(shown.baseline), tests };
  const failed = tests.filter((test) => test.failed);
  if (failed.length > 0) return { ...evidence, verdict: 'fail', why: failureText(failed), more: 0 };
  const isLast = occasion.early === null;
  const lastAlpha = (alpha * alphaOf({ ...occasion, early: null })) / alphaOf(occasion);
  const lack = { requests: missing(shown.canary, shown.baseline, lastAlpha), metric: isLast ? leastKnown(samples) : null };
  const more = lack.requests;
  if (more === 0 && !isLast) return { ...evidence, verdict: 'unsure', why: 'the step is not over', more };
  if (more > 0 || lack.metric !== null) {
    const numbers = lack.metric === null ? {} : { numbers: lack.metric.samples };
    return { ...evidence, verdict: more > 0 ? 'unsure' : 'error', why: `${lackText(lack)} are needed`, more, ...numbers };
  }
  const seen = samples.map(({ metric: name, what }) => `, ${name}: ${what}`);
  return { ...evidence, verdict: 'pass', why: `${comparedText(shown)}${seen.join('')}`, more: 0 };
}

/** "about 310 more requests and 7 more numbers of queue" */
export function lackText({ requests, metric }: Missing): string {
  const lacks = [
    ...(requests > 0 || metric === null ? [`${requests} more requests`] : []),
    ...(metric === null ? [] : [`${metric.samples} more numbers of ${metric.name}`]),
  ];
  return `about ${lacks.join(' and ')}`;
}

/** Whether the release may go on after the last look of a step. */
export function goesOn({ verdict, more, numbers = 0 }: Verdict, { unsure, metrics }: JudgeTerms): boolean {
  if (verdict === 'pass' || verdict === 'fail') return verdict === 'pass';
  return (more === 0 || unsure === 'go-on') && (numbers === 0 || metrics?.unreadable === 'go-on');
}

const comparedText = ({ canary, baseline }: Shown): string =>
  `${percent(rate(canary))} errors against ${percent(rate(baseline))} in ${canary.requests} requests`;

const countsOf = ({ requests, errors }: Arm): Verdict['canary'] => ({ requests, errors });

/** Each difference once, by the test that is surest of it. */
function failureText(failed: readonly Test[]): string {
  const surest = failed
    .toSorted((a, b) => a.p - b.p)
    .filter(({ what }, index, sorted) => sorted.findIndex((each) => each.what === what) === index);
  return surest.map(({ metric, what, p }) => `${metric}: ${what} (p ${p < 1e-6 ? '< 0.000001' : p.toPrecision(2)})`).join('; ');
}

interface Question extends Pick<Test, 'metric' | 'what' | 'p'> {
  /** The difference is large enough to act on. */
  readonly matters: boolean;
}

function moreErrors(canary: Arm, baseline: Arm): Question {
  const [own, other] = [rate(canary), rate(baseline)];
  return {
    metric: 'errors',
    what: `${percent(own)} against ${percent(other)}`,
    p: fisherGreater(errorsOf(canary), errorsOf(baseline)),
    matters: own - other >= LEAST_MORE_ERRORS,
  };
}

/** All of the distribution by ranks, and its slow end by itself: a rank test hardly sees a tail. */
function slowness(canary: Histogram, baseline: Histogram, maxSlowdown: number): readonly Question[] {
  const matters = [0.5, 0.95].some((quantile) => {
    const [own, other] = [atQuantile(canary, quantile), atQuantile(baseline, quantile)];
    return own >= other * maxSlowdown && own - other >= LEAST_MORE_MS;
  });
  const what = `p95 ${ms(atQuantile(canary, 0.95))} against ${ms(atQuantile(baseline, 0.95))}`;
  const ranks = rankGreater(canary.counts, baseline.counts);
  const ends = slowBounds(baseline).map((bound) => ({
    metric: `answers above ${ms(baseline.bounds[bound] ?? 0)}`,
    what,
    p: fisherGreater(shareAbove(canary, bound), shareAbove(baseline, bound)),
    matters,
  }));
  return [{ metric: 'latency', what, p: ranks.p, matters }, ...ends];
}

/** The two neighbouring bounds that more and fewer than SLOW_SHARE of the baseline's answers exceed. */
function slowBounds(baseline: Histogram): readonly number[] {
  const slow = baseline.bounds.findIndex((_, bound) => {
    const { hits, trials } = shareAbove(baseline, bound);
    return hits <= trials * SLOW_SHARE;
  });
  return [slow - 1, slow].filter((bound) => bound >= 0);
}

/** Where what serves breaks the limit as well, going back to it would help nobody: then only the comparison counts. */
function errorLimit(canary: Arm, baseline: Arm, limit: number): Question {
  return {
    metric: `errors ≤ ${percent(limit)}`,
    what: percent(rate(canary)),
    p: binomialGreater(errorsOf(canary), limit),
    matters: rate(baseline) <= limit,
  };
}

function latencyLimit(canary: Arm, baseline: Arm, { quantile, ms: limit }: JudgePolicy['maxLatency'][number]): Question {
  // The first bound that is not below the limit: what lies above it is certainly too slow.
  const bound = canary.latency.bounds.findIndex((each) => each >= limit);
  const above = bound === -1 ? { hits: 0, trials: canary.requests } : shareAbove(canary.latency, bound);
  return {
    metric: `p${quantile * 100} ≤ ${ms(limit)}`,
    what: ms(atQuantile(canary.latency, quantile)),
    p: binomialGreater(above, 1 - quantile),
    matters: atQuantile(baseline.latency, quantile) <= limit,
  };
}

/** How many more requests the canary needs until a rise of VISIBLE_RISE would be seen; in both arms they grow alike. */
function missing(canary: Arm, baseline: Arm, alpha: number): number {
  const usual = (baseline.errors + 0.5) / (baseline.requests + 1);
  const mix = canary.requests === 0 ? 1 : baseline.requests / canary.requests;
  const seen = (requests: number): boolean => {
    const other = Math.round(requests * Math.max(mix, 0.01));
    const hits = Math.floor(requests * Math.min(1, usual + VISIBLE_RISE));
    return fisherGreater({ hits, trials: requests }, { hits: Math.round(other * usual), trials: other }) <= alpha;
  };
  if (seen(canary.requests)) return 0;
  let enough = Math.max(1, canary.requests);
  while (!seen(enough) && enough < MOST_REQUESTS) enough *= 2;
  for (let low = enough / 2; enough - low > Math.max(1, enough / 100);) {
    const middle = Math.floor((low + enough) / 2);
    if (seen(middle)) enough = middle;
    else low = middle;
  }
  return Math.ceil(enough) - canary.requests;
}

const errorsOf = ({ errors, requests }: Arm): Share => ({ hits: errors, trials: requests });
const rate = ({ errors, requests }: Arm): number => (requests === 0 ? 0 : errors / requests);
const percent = (share: number): string => `${Number((share * 100).toPrecision(share < 0.1 ? 2 : 3))} %`;
const ms = (value: number): string => `${Number(value.toPrecision(3))} ms`;
