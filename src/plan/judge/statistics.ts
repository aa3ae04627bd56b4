/**
 * The few exact tests that the judge stands on, by hand because kept libraries have coarse tails. Pure; probabilities are
 * one-sided: small means that the first arm is really worse. Checked against published values in statistics.test.ts.
 */

/** ln Γ(x) for x > 0: Lanczos' approximation with g = 7 and nine coefficients, good to 15 digits. */
export function logGamma(x: number): number {
  const [first = 0, ...rest] = LANCZOS;
  const shifted = x - 1;
  const t = shifted + 7.5;
  const sum = rest.reduce((total, coefficient, index) => total + coefficient / (shifted + index + 1), first);
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

const LANCZOS = [
  0.999_999_999_999_809_93, 676.520_368_121_885_1, -1259.139_216_722_402_8, 771.323_428_777_653_13, -176.615_029_162_140_6,
  12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_571_6e-6, 1.505_632_735_149_311_6e-7,
];

const logChoose = (n: number, k: number): number => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);

/** Smaller terms than this share of the sum change nothing any more. */
const NEGLIGIBLE = 1e-17;

/** Adds a falling series: `ratio(k)` leads from term k to term k + 1. */
function tail(logFirst: number, from: number, to: number, ratio: (k: number) => number): number {
  let term = 1;
  let sum = 1;
  for (let k = from; k < to; k++) {
    term *= ratio(k);
    sum += term;
    if (term < sum * NEGLIGIBLE) break;
  }
  return Math.min(1, Math.exp(logFirst) * sum);
}

/** `hits` of `trials`. Whole numbers, 0 ≤ hits ≤ trials. */
export interface Share {
  readonly hits: number;
  readonly trials: number;
}

/**
 * Fisher's exact test: the probability that the first arm has so many of all the hits, or more, when both arms are the same
 * (hypergeometric). 1 where the first arm's share is not the larger.
 */
export function fisherGreater(a: Share, b: Share): number {
  if (a.trials === 0 || b.trials === 0 || a.hits * b.trials <= b.hits * a.trials) return 1;
  const [hits, all] = [a.hits + b.hits, a.trials + b.trials];
  const logFirst = logChoose(a.trials, a.hits) + logChoose(b.trials, b.hits) - logChoose(all, hits);
  const most = Math.min(hits, a.trials);
  return tail(logFirst, a.hits, most, (k) => ((hits - k) / (k + 1)) * ((a.trials - k) / (b.trials - hits + k + 1)));
}

/** The probability of so many hits, or more, where each trial hits with `share` (0 to 1). 1 where it is no more than expected. */
export function binomialGreater({ hits, trials }: Share, share: number): number {
  if (trials === 0 || hits <= trials * share) return 1;
  if (share <= 0) return 0;
  const logFirst = logChoose(trials, hits) + hits * Math.log(share) + (trials - hits) * Math.log1p(-share);
  return tail(logFirst, hits, trials, (k) => ((trials - k) / (k + 1)) * (share / (1 - share)));
}

/** The upper tail of the standard normal distribution: Lentz' continued fraction beyond 3, the series of erf below. */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  return z > 3 ? fractionTail(z) : 0.5 - seriesBody(z);
}

/** Φ(z) − ½ = φ(z) · Σ z^(2n+1) / (1·3·5…(2n+1)). */
function seriesBody(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; n < 200 && term > sum * NEGLIGIBLE; n++) {
    term *= (z * z) / (2 * n + 1);
    sum += term;
  }
  return density(z) * sum;
}

/** Q(z) = φ(z) / (z + 1/(z + 2/(z + 3/(z + …)))), evaluated from below. */
function fractionTail(z: number): number {
  let fraction = z;
  for (let n = 120; n >= 1; n--) fraction = z + n / fraction;
  return density(z) / fraction;
}

const density = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

const sumOf = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/**
 * Mann and Whitney's rank test over counts in the same ordered classes (ties are corrected for): the probability that the
 * first arm lies so much higher when both are the same, by the normal approximation, and never less than what any order of
 * so few could have. `higher`: how often a random one of the first lies above one of the second, ties as half (the effect;
 * ½ is none).
 */
export function rankGreater(a: readonly number[], b: readonly number[]): { readonly p: number; readonly higher: number } {
  const [n, m] = [sumOf(a), sumOf(b)];
  if (n === 0 || m === 0) return { p: 1, higher: 0.5 };
  let below = 0;
  let wins = 0;
  let ties = 0;
  for (const [index, own] of a.entries()) {
    const other = b[index] ?? 0;
    wins += own * (below + other / 2);
    below += other;
    ties += (own + other) ** 3 - (own + other);
  }
  const all = n + m;
  const variance = ((n * m) / 12) * (all + 1 - ties / (all * (all - 1)));
  if (!(variance > 0)) return { p: 1, higher: 0.5 };
  const least = Math.exp(-logChoose(all, n));
  return { p: Math.max(least, normalTail((wins - (n * m) / 2) / Math.sqrt(variance))), higher: wins / (n * m) };
}
