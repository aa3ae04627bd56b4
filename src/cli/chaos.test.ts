/** What `kiln chaos` says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { run } from './commands/chaos.ts';
import { fakeContext, given } from './testing/fakes.ts';

const entry = (seq: number, kind: string, data: object): object => ({ seq, at: 0, kind, data });
async function* stream(entries: readonly object[]): AsyncGenerator<object> {
  yield* entries;
}

const plan = { fleet: 'web.local', victims: ['web.local.r7.k3f9x2'], seed: 8137, healthy: 3, left: 2, floor: 1, objections: [] };
const refused = { ...plan, left: 0, floor: 2, objections: ['0 of 3 healthy instances would be left, and 2 is the least'] };

const daemon = (entries: readonly object[], begun: object = plan) => {
  const asked: unknown[] = [];
  return {
    asked,
    history: async () => ({ entries: [{ seq: 40 }] }),
    planChaos: async () => begun,
    chaos: async (input: unknown) => {
      asked.push(input);
      return { ...begun, experiment: 42 };
    },
    events: () => stream(entries),
  };
};
const ended = (data: object) => entry(50, 'chaos.ended', { id: 42, killed: 1, tookMs: 1400, ...data });

test('says whom it kills by which seed, how many go on, and how long it took', async () => {
  const fake = daemon([entry(43, 'instance.killed', {}), ended({ outcome: 'whole' })]);
  const { lines, document } = await run(given({ SERVICE: 'web' }, { kill: '50%', seed: '8137' }), fakeContext(fake));
  assert.deepEqual(fake.asked, [{ service: 'web', by: 'ada', force: false, seed: 8137, percent: 50 }]);
  assert.deepEqual(lines, ['  ✓ 1 instance killed, whole again after 1.4 s']);
  assert.equal((document as { tookMs: number }).tookMs, 1400);
});

test('a plan kills nobody, and says why it would be refused', async () => {
  const { lines, exitCode } = await run(given({ SERVICE: 'web' }, { plan: true }), fakeContext(daemon([])));
  assert.deepEqual(lines, [
    'web.local   would kill 1 of 3 healthy instances: r7.k3f9x2 (seed 8137); 2 left, 1 is the least',
    'Nothing was done. Without --plan it is.',
  ]);
  assert.equal(exitCode ?? 0, 0);
  const bad = await run(given({ SERVICE: 'web' }, { plan: true }), fakeContext(daemon([], refused)));
  assert.equal(bad.exitCode, 2);
  assert.match(bad.lines.join('\n'), /✗ 0 of 3 .*\nIt would be refused/);
});

test('what is forced is said loudly; a rollout that comes between ends the waiting', async () => {
  const fake = daemon([entry(45, 'rollout.started', {})], refused);
  const { lines } = await run(given({ SERVICE: 'web' }, { force: true, wait: false }), fakeContext(fake));
  assert.match(lines.join('\n'), /FORCED: nothing of this is heeded\n {2}✗ 0 of 3/);
  const overtaken = await run(given({ SERVICE: 'web' }), fakeContext(daemon([entry(45, 'rollout.started', {})])));
  assert.match(overtaken.lines.join('\n'), /a rollout has begun meanwhile/);
});

test('a fleet that is not whole in time ends with CHAOS_LATE; what is neither number nor share is usage', async () => {
  const code = (expected: string) => (error: unknown) => error instanceof KilnError && error.code === expected;
  await assert.rejects(run(given({ SERVICE: 'web' }), fakeContext(daemon([ended({ outcome: 'late' })]))), code('CHAOS_LATE'));
  for (const kill of ['all', '0', '101%', '-1', '1.5'])
    await assert.rejects(run(given({ SERVICE: 'web' }, { kill }), fakeContext(daemon([]))), code('USAGE'), kill);
  await assert.rejects(run(given({ SERVICE: 'web' }, { kill: '2', instance: 'r7.a' }), fakeContext(daemon([]))), code('USAGE'));
});
