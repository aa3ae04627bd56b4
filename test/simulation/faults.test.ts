/**
 * The fault loop: in each canonical rollout, every call with an effect, one after the other, fails before it, loses its
 * answer, happens twice, is half done, hangs, is slow, or is where the daemon dies before or after it; every append to the
 * journal fails, or the daemon dies before or after it. Looks at the world fail, are slow, or are where the daemon dies; of
 * looks in a long row only the first ones are tried. Each of these histories must come to rest with no law broken.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Call, Fault, Faults, Verb } from '../../src/engines/sim/faults.ts';
import { CANON } from './canon.ts';
import { runHistory } from './history.ts';
import type { Scenario } from './scenario.ts';

type Wrong = Exclude<Fault, 'none'>;

/** What has an effect can go wrong in every way; of what only reads, the answer is there or not. */
const OF_EFFECTS: readonly Wrong[] = [
  'fail-before',
  'fail-after',
  'twice',
  'half',
  'hang-before',
  'hang-after',
  'slow',
  'crash-before',
  'crash-after',
];
const OF_READS: readonly Wrong[] = ['fail-before', 'slow', 'crash-before'];
const OF_APPENDS: readonly Wrong[] = ['fail-before', 'crash-before', 'crash-after'];
const READS: ReadonlySet<Verb> = new Set([
  'check',
  'observe',
  'observeBalancer',
  'requireListen',
  'metrics',
  'usage',
  'tables',
  'jobs',
  'output',
  'measure',
]);

function faultsOf(verb: Verb): readonly Wrong[] {
  if (verb === 'append') return OF_APPENDS;
  return READS.has(verb) ? OF_READS : OF_EFFECTS;
}

/** Nothing goes wrong, and every call is written down. */
class Recorded implements Faults {
  readonly calls: Call[] = [];

  draw(call: Call): Fault {
    this.calls.push(call);
    return 'none';
  }
}

/** The calls to try: all but reads that follow upon a read of their kind, as a fleet at rest makes them by the hundred. */
function worthTrying(calls: readonly Call[]): readonly Call[] {
  let reads = 0;
  return calls.filter(({ verb }) => {
    reads = READS.has(verb) ? reads + 1 : 0;
    return reads <= MANY_READS;
  });
}

/** Two looks at the fleet. */
const MANY_READS = 8;

async function brokenBy(scenario: Scenario, fault: Fault, { index, verb, subject }: Call): Promise<readonly string[]> {
  const faults: Faults = { draw: (call) => (call.index === index ? fault : 'none') };
  const { broken } = await runHistory(scenario, { faults });
  return broken.map((what) => `${fault} at call ${index} (${verb} ${subject}): ${what}`);
}

for (const [name, scenario] of CANON) {
  test(`${name}: whichever step fails, is lost, doubled or cut off by a crash, no law is broken`, async () => {
    const recorded = new Recorded();
    const smooth = await runHistory(scenario, { faults: recorded, replay: true });
    assert.deepEqual(smooth.broken, []);
    const steps = worthTrying(recorded.calls);
    assert.ok(steps.filter(({ verb }) => !READS.has(verb)).length > 10, 'nothing happened');
    const broken: string[] = [];
    for (const call of steps) {
      for (const fault of faultsOf(call.verb)) broken.push(...(await brokenBy(scenario, fault, call)));
    }
    assert.deepEqual(broken.slice(0, 20), []);
  });
}
