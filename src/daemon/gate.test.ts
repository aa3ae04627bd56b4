import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createGate } from './gate.ts';

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

test('many share, one is alone, and who comes while one waits to be alone comes after it', async () => {
  const gate = createGate();
  const said: string[] = [];
  const [a, b, alone, c] = ['a', 'b', 'alone', 'c'].map((name) => work(name, said));
  assert.ok(a && b && alone && c);
  const all = [gate.shared(a.run), gate.shared(b.run)];
  await settle();
  all.push(gate.exclusive(alone.run), gate.shared(c.run));
  await settle();
  assert.deepEqual(said, ['a in', 'b in']);
  b.finish();
  a.finish();
  await settle();
  assert.deepEqual(said.slice(2), ['b out', 'a out', 'alone in']);
  alone.finish();
  await settle();
  assert.deepEqual(said.slice(5), ['alone out', 'c in']);
  c.finish();
  assert.deepEqual(await Promise.all(all), ['a', 'b', 'alone', 'c']);
});

test('work that fails lets the next one in', async () => {
  const gate = createGate();
  await assert.rejects(gate.shared(() => Promise.reject(new Error('no'))));
  await assert.rejects(gate.exclusive(() => Promise.reject(new Error('no'))));
  assert.equal(await gate.exclusive(async () => 'in'), 'in');
  assert.equal(await gate.shared(async () => 'in'), 'in');
});
