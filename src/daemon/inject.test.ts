/** Faults on purpose: at the step and in the way that were asked for, once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Balancer, Runtime } from '../engines/engine.ts';
import { createSimWorld } from '../engines/sim/world.ts';
import { KilnError } from '../errors/error.ts';
import { MemoryJournal } from '../store/memory.ts';
import { injectionsIn, withInjections, type Injected } from './inject.ts';

const CALL = { signal: new AbortController().signal };
class Died extends Error {}
const die = (): never => {
  throw new Died();
};
const code = (expected: string) => (error: unknown) => error instanceof KilnError && error.code === expected;

function given(...faults: readonly string[]): Injected & { readonly done: string[] } {
  const world = createSimWorld({ seed: 1 });
  const done: string[] = [];
  const ensureImage: Runtime['ensureImage'] = async (image) => void done.push(image);
  const remove: Balancer['remove'] = async (fleet) => void done.push(fleet);
  const parts = {
    journal: new MemoryJournal({ now: () => 0 }),
    runtime: { ...world.runtime, ensureImage },
    balancer: { ...world.balancer, remove },
  };
  return { ...withInjections(parts, injectionsIn(faults.flatMap((fault) => ['--inject', fault])), die), done };
}

test('the call that was meant goes wrong as was asked for, and no other', async () => {
  const cases = [
    ['fail-before', 1, code('ENGINE_UNREACHABLE')],
    ['fail-after', 2, code('ENGINE_UNREACHABLE')],
    ['crash-before', 1, (error: unknown) => error instanceof Died],
    ['crash-after', 2, (error: unknown) => error instanceof Died],
  ] as const;
  for (const [fault, done, isIt] of cases) {
    const it = given(`engine:ensureImage:2:${fault}`);
    await it.runtime.ensureImage('a' as never, CALL);
    await assert.rejects(it.runtime.ensureImage('b' as never, CALL), isIt);
    assert.equal(it.done.length, done, fault);
    await it.runtime.ensureImage('c' as never, CALL);
    assert.equal(it.done.length, done + 1);
  }
  const twice = given('balancer:remove:1:twice');
  await twice.balancer.remove('f' as never, CALL);
  assert.deepEqual(twice.done, ['f', 'f']);
});

test('a call that hangs ends when whoever asked gives up', async () => {
  const it = given('engine:ensureImage:1:hang-after');
  const caller = new AbortController();
  const hanging = it.runtime.ensureImage('a' as never, { signal: caller.signal });
  caller.abort();
  await assert.rejects(hanging, code('ENGINE_UNREACHABLE'));
  assert.deepEqual(it.done, ['a']);
});

test('an append fails, or the daemon dies before or after it', () => {
  const entry = (kind: string) => [{ fleet: null, kind, data: null }];
  for (const [fault, kept] of [
    ['fail-before', 1],
    ['crash-before', 1],
    ['crash-after', 2],
  ] as const) {
    const { journal } = given(`daemon:rollout.finished:2:${fault}`);
    journal.append(entry('rollout.finished'));
    journal.append(entry('other'));
    assert.throws(() => journal.append(entry('rollout.finished')));
    assert.equal([...journal.read({ kinds: new Set(['rollout.finished']) })].length, kept, fault);
  }
});

test('what is no fault is refused', () => {
  for (const text of [
    '',
    'engine:launch:0:twice',
    'engine:launch:1:explode',
    'moon:launch:1:twice',
    'daemon:a:1:twice',
    'engine::1:twice',
  ])
    assert.throws(() => injectionsIn(['daemon', '--inject', text]), code('USAGE'), text);
  assert.deepEqual(injectionsIn(['daemon']), []);
});
