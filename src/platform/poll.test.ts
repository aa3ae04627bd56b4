import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Clock } from './clock.ts';
import { poll } from './poll.ts';

/** Time that passes only while somebody sleeps. */
function sleeper(): Clock {
  let now = 0;
  return {
    now: () => now,
    sleep: async (ms) => {
      now += ms;
    },
  };
}

test('what is so at once takes no time, and what becomes so is seen at the next look', async () => {
  const clock = sleeper();
  assert.equal(await poll(() => true, { withinMs: 100, everyMs: 10, clock }), true);
  assert.equal(clock.now(), 0);
  assert.equal(await poll(async () => clock.now() >= 25, { withinMs: 100, everyMs: 10, clock }), true);
  assert.equal(clock.now(), 30);
});

test('what is never so is looked at once more when the time is up', async () => {
  const clock = sleeper();
  let looks = 0;
  assert.equal(await poll(() => looks++ < 0, { withinMs: 100, everyMs: 40, clock }), false);
  assert.equal(looks, 4);
});
