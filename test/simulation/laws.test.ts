/**
 * The laws as properties of random worlds: 100,000 rollouts in random histories, with crashes, lost calls, deaths and
 * people who change their minds, and not one law broken. Split over two processes. A failing seed is printed; it replays
 * with `SEED=… node test/simulation/run.ts`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { runHistory } from './history.ts';
import type { Totals } from './run.ts';
import { drawScenario } from './scenario.ts';

const ROLLOUTS = 100_000;
const PROCESSES = 2;
/** Histories of one process never meet those of the next. */
const SEEDS_APART = 10_000_000;

async function run(seed: number): Promise<Totals> {
  const env = { ...process.env, SEED: String(seed), COUNT: String(SEEDS_APART), ROLLOUTS: String(ROLLOUTS / PROCESSES) };
  const script = join(import.meta.dirname, 'run.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env, maxBuffer: 1 << 26 }).catch(
    (failed: { stdout: string }) => failed,
  );
  return JSON.parse(stdout) as Totals;
}

test(`no law is broken in ${ROLLOUTS} rollouts with faults and crashes`, async (context) => {
  const seeds = Array.from({ length: PROCESSES }, (_, index) => 1 + index * SEEDS_APART);
  const totals = await Promise.all(seeds.map(run));
  const sum = (count: (each: Totals) => number): number => totals.reduce((all, each) => all + count(each), 0);
  const counts = `${sum((each) => each.rollouts)} rollouts, ${sum((each) => each.crashes)} crashes`;
  context.diagnostic(`${counts}, ${sum((each) => each.calls)} calls in ${sum((each) => each.histories)} histories`);
  assert.deepEqual(
    totals.flatMap(({ failing }) => failing.map(({ seed, broken }) => `SEED=${seed}: ${broken.join('; ')}`)).slice(0, 20),
    [],
  );
  assert.ok(sum((each) => each.rollouts) >= ROLLOUTS);
  assert.ok(sum((each) => each.crashes) >= ROLLOUTS / 10, 'too few crashes to prove anything');
});

test('the same seed gives the same history', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const [first, second] = [await runHistory(drawScenario(seed)), await runHistory(drawScenario(seed))];
    assert.deepEqual(second.entries, first.entries);
    assert.equal(second.calls, first.calls);
  }
});
