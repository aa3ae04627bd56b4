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
import { binomialGreater, fisherGreater, rankGreater, type Share } from './statistics.ts';

/** What one arm answered during the step. */
export interface Arm {
  /** Answers, and requests that got none. */
  readonly requests: number;
  /** Answers of class 5xx, and requests that got none. */
  readonly errors: number;
  readonly latency: Histogram;
}

export type JudgePolicy = Pick<JudgeTerms, 'maxErrors' | 'maxSlowdown' | 'maxLatency'>;

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
  readonly verdict: 'pass' | 'fail' | 'unsure';
  readonly why: string;
  readonly tests: readonly Test[];
  readonly canary: { readonly requests: number; readonly errors: number };
  readonly baseline: { readonly requests: number; readonly errors: number };
  /** Unsure: about so many more requests to the canary; 0 otherwise. */
  readonly more: number;
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

const questionsOf = (canary: Arm, baseline: Arm, policy: JudgePolicy): readonly Question[] => [
  moreErrors(canary, baseline),
  ...(policy.maxSlowdown === null ? [] : slowness(canary.latency, baseline.latency, policy.maxSlowdown)),
  ...(policy.maxErrors === null ? [] : [errorLimit(canary, baseline, policy.maxErrors)]),
  ...policy.maxLatency.map((limit) => latencyLimit(canary, baseline, limit)),
];

/** About how many more requests to the canary the last look of a step needs; 0: it has enough. */
export const moreNeeded = (canary: Arm, baseline: Arm, policy: JudgePolicy, steps: number): number =>
  missing(canary, baseline, alphaOf({ steps, early: null }) / questionsOf(canary, baseline, policy).length);

/**
 * Early looks can only fail. The last look of a step is taken once, when `moreNeeded` says 0 or nobody waits any longer:
 * each further one would cost its share of false alarms again.
 */
export function judge(canary: Arm, baseline: Arm, policy: JudgePolicy, occasion: Occasion): Verdict {
  const questions = questionsOf(canary, baseline, policy);
  const alpha = alphaOf(occasion) / questions.length;
  const tests = questions.map(({ matters, ...question }) => ({ ...question, alpha, failed: matters && question.p <= alpha }));
  const failed = tests.filter((test) => test.failed);
  const counts = { canary: countsOf(canary), baseline: countsOf(baseline), tests };
  if (failed.length > 0) return { ...counts, verdict: 'fail', why: failureText(failed), more: 0 };
  const more = moreNeeded(canary, baseline, policy, occasion.steps);
  if (more > 0) return { ...counts, verdict: 'unsure', why: `about ${more} more requests to the canary are needed`, more };
  const why = `${percent(rate(canary))} errors against ${percent(rate(baseline))} in ${canary.requests} requests`;
  return occasion.early === null
    ? { ...counts, verdict: 'pass', why, more: 0 }
    : { ...counts, verdict: 'unsure', why: 'the step is not over', more: 0 };
}

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
