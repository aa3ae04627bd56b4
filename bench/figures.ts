/** Figures and how they are printed: each run's list as minimum, median, p99 and maximum. */
export interface Figure {
  readonly what: string;
  readonly unit: 'ms' | 's' | 'kB' | 'MB' | '%';
  readonly runs: readonly number[];
}

/** Nearest rank. */
export function quantile(runs: readonly number[], q: number): number {
  const sorted = runs.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (runs: readonly number[]): number => quantile(runs, 0.5);

const number = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0).padStart(9);

export function print(figures: readonly Figure[]): void {
  console.log(`${''.padEnd(46)}${'min'.padStart(9)}${'median'.padStart(9)}${'p99'.padStart(9)}${'max'.padStart(9)}  runs`);
  for (const { what, unit, runs } of figures) {
    const columns = [quantile(runs, 0), median(runs), quantile(runs, 0.99), quantile(runs, 1)].map(number).join('');
    console.log(`${`${what} (${unit})`.padEnd(46)}${columns}  ${runs.length}`);
  }
}
