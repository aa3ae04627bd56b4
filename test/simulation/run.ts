/**
 * Simulated histories from seeds: `SEED=… COUNT=… node test/simulation/run.ts` runs COUNT (default 1) from SEED (default 1).
 * With one, or TRACE=1, prints all that happened in it. Prints the counts as JSON; exit code 1 where a law was broken.
 */
import { runHistory, type HistoryResult } from './history.ts';
import { drawScenario } from './scenario.ts';

export interface Totals {
  readonly histories: number;
  readonly rollouts: number;
  readonly crashes: number;
  readonly calls: number;
  readonly failing: readonly { readonly seed: number; readonly broken: readonly string[] }[];
}

const REPLAY_EVERY = 20;
const MAX_FAILING = 20;

export async function runMany(seed: number, count: number, enough: number): Promise<Totals> {
  const totals = { histories: 0, rollouts: 0, crashes: 0, calls: 0 };
  const failing: { seed: number; broken: readonly string[] }[] = [];
  for (let index = 0; index < count && totals.rollouts < enough && failing.length < MAX_FAILING; index++) {
    const result = await runHistory(drawScenario(seed + index), { replay: index % REPLAY_EVERY === 0 });
    totals.histories += 1;
    totals.rollouts += result.rollouts;
    totals.crashes += result.crashes;
    totals.calls += result.calls;
    if (result.broken.length > 0) failing.push({ seed: result.seed, broken: result.broken });
  }
  return { ...totals, failing };
}

async function show(seed: number): Promise<HistoryResult> {
  const lines: string[] = [];
  const result = await runHistory(drawScenario(seed), { replay: true, trace: (line) => lines.push(line) });
  process.stdout.write(`${lines.join('\n')}\n`);
  for (const broken of result.broken) process.stdout.write(`BROKEN ${broken}\n`);
  return result;
}

if (import.meta.main) {
  const seed = Number(process.env['SEED'] ?? 1);
  const count = Number(process.env['COUNT'] ?? 1);
  if (count === 1) process.exitCode = (await show(seed)).broken.length > 0 ? 1 : 0;
  else {
    const totals = await runMany(seed, count, Number(process.env['ROLLOUTS'] ?? Infinity));
    process.stdout.write(`${JSON.stringify(totals)}\n`);
    process.exitCode = totals.failing.length > 0 ? 1 : 0;
  }
}
