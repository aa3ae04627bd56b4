import assert from 'node:assert/strict';
import { test } from 'node:test';

import { VirtualClock } from './clock.ts';

test('events run in the order of their times, ties in the order in which they were set', async () => {
  const clock = new VirtualClock(1000);
  const seen: string[] = [];
  clock.at(1030, () => seen.push(`c${clock.now()}`));
  clock.at(1010, () => seen.push(`a${clock.now()}`));
  clock.at(1010, () => seen.push(`b${clock.now()}`));
  await clock.advance(29);
  assert.deepEqual(seen, ['a1010', 'b1010']);
  await clock.advance(1);
  assert.deepEqual(seen, ['a1010', 'b1010', 'c1030']);
  assert.equal(clock.now(), 1030);
});

test('code that wakes runs to its next wait before time moves on', async () => {
  const clock = new VirtualClock(0);
  const seen: number[] = [];
  const work = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      await clock.sleep(10);
      await Promise.resolve();
      seen.push(clock.now());
    }
  };
  const done = work();
  await clock.advance(100);
  await done;
  assert.deepEqual(seen, [10, 20, 30]);
  assert.equal(clock.now(), 100);
});

test('finish moves time only as far as the work needs', async () => {
  const clock = new VirtualClock(0);
  clock.at(500, () => assert.fail('too far'));
  const work = async (): Promise<string> => {
    await clock.sleep(20);
    await clock.sleep(30);
    return 'done';
  };
  assert.equal(await clock.finish(work()), 'done');
  assert.equal(clock.now(), 50);
});

test('finish tells work that waits for nothing, and passes on its errors', async () => {
  const clock = new VirtualClock(0);
  await assert.rejects(clock.finish(new Promise(() => {})), /waits, but for no event/);
  await assert.rejects(clock.finish(Promise.reject(new Error('broken'))), /broken/);
});

test('finish leaves work that nobody waits for any more', async () => {
  const clock = new VirtualClock(0);
  let abandoned = false;
  clock.at(10, () => {
    abandoned = true;
  });
  assert.equal(await clock.finish(new Promise(() => {}), () => abandoned), undefined);
});

test('a sleep ends with the reason of its signal', async () => {
  const clock = new VirtualClock(0);
  const stop = new AbortController();
  const sleep = clock.sleep(1000, stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(sleep, /enough/);
  await assert.rejects(clock.sleep(1, stop.signal), /enough/);
});

test('thousands of timers come in order', async () => {
  const clock = new VirtualClock(0);
  const seen: number[] = [];
  for (let index = 0; index < 5000; index++) clock.at((index * 7919) % 5003, () => seen.push(clock.now()));
  await clock.advance(6000);
  assert.equal(seen.length, 5000);
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
});
