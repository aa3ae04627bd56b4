/** A daemon that was away for hours comes back to a rollout: the time in which nobody looked counts against no deadline. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Task } from '../../src/domain/task.ts';
import type { Strategy } from '../../src/domain/release.ts';
import { GOOD, type Behaviour } from '../../src/engines/sim/behaviour.ts';
import { runHistory } from './history.ts';
import { contentOf, imageOf, type ReleaseTraits } from './releases.ts';
import type { Act, TimedAct } from './scenario.ts';

const AWAY_MS = 6 * 3_600_000;
const SLOW: Behaviour = { kind: 'good', healthyAfterMs: 2000 };
const rolling: Strategy = { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: 1 };
const step = { weight: 2000, holdMs: 20_000 };

const deploy = (name: string, strategy: Strategy, behaviour: Behaviour, traits: ReleaseTraits = {}): Act => ({
  kind: 'deploy',
  content: contentOf(imageOf(name), { strategy, deadlineMs: 20_000, keepMs: 20_000, drainMs: 1000, ...traits }),
  behaviour,
  size: 3,
});

const approval: Task = { name: 'approval', at: 'traffic', kind: 'approval', deadlineMs: 60_000 };

/** What the daemon is in the middle of when it dies, and what a person does once it is back. */
const ROLLOUTS: Readonly<Record<string, readonly [Strategy, ReleaseTraits, readonly TimedAct[]]>> = {
  rolling: [rolling, {}, []],
  'blue-green': [{ kind: 'blue-green' }, {}, []],
  recreate: [{ kind: 'recreate' }, {}, []],
  'a step of a canary': [{ kind: 'canary', steps: [step, step], judge: null }, {}, []],
  'a checkpoint': [{ ...rolling, checkpoints: [{ percent: 34, holdMs: 10_000 }] }, {}, []],
  'an approval': [{ kind: 'blue-green' }, { tasks: [approval] }, [{ afterMs: AWAY_MS + 10_000, act: { kind: 'approve' } }]],
  'a pause': [rolling, {}, [{ afterMs: AWAY_MS + 10_000, act: { kind: 'resume' } }]],
};

for (const [name, [strategy, traits, after]] of Object.entries(ROLLOUTS)) {
  test(`${name}: a daemon that was away for longer than any deadline goes on where the last one was`, async () => {
    for (const diesAfterMs of [300, 2500, 5000]) {
      const pause: readonly TimedAct[] = name === 'a pause' ? [{ afterMs: 0, act: { kind: 'pause' } }] : [];
      const acts: readonly TimedAct[] = [
        { afterMs: 0, act: deploy('a', strategy, GOOD) },
        { afterMs: 60_000, act: deploy('b', strategy, SLOW, traits) },
        ...pause,
        { afterMs: diesAfterMs, act: { kind: 'outage', forMs: AWAY_MS } },
        ...after,
      ];
      const { broken, entries } = await runHistory({ seed: 1, acts, faults: {} }, { replay: true });
      assert.deepEqual(broken, []);
      const ends = entries
        .filter(({ kind }) => kind === 'rollout.finished')
        .map(({ data }) => (data as { readonly outcome: string }).outcome);
      assert.deepEqual(ends, ['done', 'done'], `it died after ${diesAfterMs} ms`);
    }
  });
}

test('a daemon that dies again and again outlives no deadline', async () => {
  const never: Behaviour = { kind: 'never' };
  const crashes = Array.from({ length: 20 }, (): TimedAct => ({ afterMs: 3000, act: { kind: 'crash' } }));
  const acts: readonly TimedAct[] = [
    { afterMs: 0, act: deploy('a', rolling, GOOD) },
    { afterMs: 60_000, act: deploy('b', rolling, never, { healthDeadlineMs: 15_000 }) },
    ...crashes,
  ];
  const { broken, entries } = await runHistory({ seed: 1, acts, faults: {} });
  assert.deepEqual(broken, []);
  const back = entries.find(
    ({ kind, data }) => kind === 'rollout.started' && (data as { readonly cause: string }).cause === 'failure',
  );
  const began = entries.filter(({ kind }) => kind === 'rollout.started')[1];
  assert.ok(back !== undefined && began !== undefined && back.at - began.at < 25_000);
});
