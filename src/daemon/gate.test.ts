import assert from 'node:assert/strict';
import { test } from 'node:test';

import { VirtualClock } from '../engines/sim/clock.ts';
import { systemClock } from '../platform/clock.ts';
import { createGate } from './gate.ts';

const NEVER = new AbortController().signal;

/** Work that says when it runs and ends when told. */
function work(name: string, said: string[]) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const run = async (): Promise<string> => {
    said.push(`${name} in`);
    await promise;
    said.push(`${name} out`);
    return name;
  };
  return { run, finish: resolve };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('many share, one is alone, and who comes while one waits to be alone is not held back by it', async () => {
  const gate = createGate(systemClock);
  const said: string[] = [];
  const [a, b, alone, c, d] = ['a', 'b', 'alone', 'c', 'd'].map((name) => work(name, said));
  assert.ok(a && b && alone && c && d);
  const all = [gate.shared(a.run), gate.shared(b.run)];
  await settle();
  all.push(gate.exclusive(alone.run, NEVER), gate.shared(c.run));
  await settle();
  assert.deepEqual(said, ['a in', 'b in', 'c in']);
  for (const each of [b, a, c]) each.finish();
  await settle();
  assert.deepEqual(said.slice(3), ['b out', 'a out', 'c out', 'alone in']);
  all.push(gate.shared(d.run));
  await settle();
  assert.equal(said.at(-1), 'alone in');
  alone.finish();
  await settle();
  assert.deepEqual(said.slice(7), ['alone out', 'd in']);
  d.finish();
  assert.deepEqual(await Promise.all(all), ['a', 'b', 'alone', 'c', 'd']);
});

test('of two that want to be alone the second waits for the first', async () => {
  const gate = createGate(systemClock);
  const said: string[] = [];
  const [a, b] = ['a', 'b'].map((name) => work(name, said));
  assert.ok(a && b);
  const all = [gate.exclusive(a.run, NEVER), gate.exclusive(b.run, NEVER)];
  await settle();
  assert.deepEqual(said, ['a in']);
  a.finish();
  b.finish();
  assert.deepEqual(await Promise.all(all), ['a', 'b']);
  assert.deepEqual(said, ['a in', 'a out', 'b in', 'b out']);
});

test('who finds no gap gives up, and who goes away while waiting does nothing', async () => {
  const clock = new VirtualClock(0);
  const gate = createGate(clock);
  const [long, alone] = [work('long', []), work('alone', [])];
  const inside = gate.shared(long.run);
  const refused = assert.rejects(gate.exclusive(alone.run, NEVER), { code: 'IMAGES_BUSY' });
  const gone = new AbortController();
  const left = assert.rejects(gate.exclusive(alone.run, gone.signal));
  gone.abort();
  await left;
  await clock.advance(5 * 60_000);
  await refused;
  long.finish();
  assert.equal(await inside, 'long');
});

test('work that fails lets the next one in', async () => {
  const gate = createGate(systemClock);
  await assert.rejects(gate.shared(() => Promise.reject(new Error('no'))));
  await assert.rejects(gate.exclusive(() => Promise.reject(new Error('no')), NEVER));
  assert.equal(await gate.exclusive(async () => 'in', NEVER), 'in');
  assert.equal(await gate.shared(async () => 'in'), 'in');
});
