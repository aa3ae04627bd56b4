import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';

import type { Health } from '../domain/release.ts';
import type { InstanceHealth } from './engine.ts';
import { watchHealth, type HealthOptions, type HealthWatch } from './health.ts';

const HEALTH: Health = { probe: { kind: 'tcp' }, everyMs: 1000, timeoutMs: 500, fall: 3, deadlineMs: 2000 };

interface World {
  readonly watch: HealthWatch;
  readonly seen: InstanceHealth[];
  /** What probes answer from now on. */
  verdict: string | null;
  readonly probes: { at: number; timeoutMs: number }[];
  readonly closed: () => boolean;
  /** Lets virtual time pass. */
  advance(ms: number): Promise<void>;
}

function world(verdict: string | null, parts: Partial<HealthOptions> = {}): World {
  let now = 0;
  let closed = false;
  const sleepers: { at: number; wake: () => void }[] = [];
  const seen: InstanceHealth[] = [];
  const probes: World['probes'] = [];
  const made: { verdict: string | null } = { verdict };
  const watch = watchHealth({
    health: HEALTH,
    warmUpMs: 0,
    launchedAt: 0,
    watchedFrom: 0,
    healthySince: null,
    prober: {
      probe: async (timeoutMs) => {
        probes.push({ at: now, timeoutMs });
        return made.verdict;
      },
      close: () => {
        closed = true;
      },
    },
    time: {
      now: () => now,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          sleepers.push({ at: now + ms, wake: resolve });
          signal?.addEventListener('abort', () => reject(new Error('stopped')));
        }),
    },
    onChange: (health) => seen.push(health),
    ...parts,
  });
  const advance = async (ms: number): Promise<void> => {
    for (const end = now + ms; ;) {
      await nextTurn();
      const next = sleepers.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) {
        now = end;
        return;
      }
      sleepers.splice(sleepers.indexOf(next), 1);
      now = Math.max(now, next.at);
      next.wake();
    }
  };
  return Object.assign(made, { watch, seen, probes, closed: () => closed, advance });
}

test('a new instance is asked often until its first good answer, then at its own pace', async () => {
  const it = world('connection refused');
  await it.advance(170);
  assert.deepEqual(
    it.probes.map(({ at }) => at),
    [0, 50, 100, 150],
  );
  it.verdict = null;
  await it.advance(2500);
  assert.deepEqual(it.watch.current(), { status: 'healthy', since: 200 });
  assert.deepEqual(
    it.probes.slice(4).map(({ at }) => at),
    [200, 1200, 2200],
  );
});

test('one that misses its deadline has failed for good, with the reason', async () => {
  const it = world('GET /healthz: connection refused');
  await it.advance(5000);
  const expected = { status: 'unhealthy', since: 2000, detail: 'not healthy after 2 s: GET /healthz: connection refused' };
  assert.deepEqual(it.watch.current(), expected);
  const asked = it.probes.length;
  it.verdict = null;
  await it.advance(5000);
  assert.equal(it.probes.length, asked);
  assert.ok(it.probes.every(({ at, timeoutMs }) => at + timeoutMs <= 2001));
});

test('a healthy one falls only after so many bad answers in a row, and comes back by a good one', async () => {
  const it = world(null);
  await it.advance(10);
  it.verdict = 'answered 500';
  await it.advance(2000);
  it.verdict = null;
  await it.advance(1000);
  it.verdict = 'answered 500';
  await it.advance(2000);
  assert.equal(it.watch.current().status, 'healthy', 'two bad, one good, two bad: never three in a row');
  await it.advance(1000);
  assert.deepEqual(it.watch.current(), { status: 'unhealthy', since: 6000, detail: 'answered 500' });
  it.verdict = null;
  await it.advance(1000);
  assert.deepEqual(it.watch.current(), { status: 'healthy', since: 7000 });
});

test('a bad answer during the warm-up begins it anew; after it, only a fall does', async () => {
  const it = world(null, { warmUpMs: 5000 });
  await it.advance(2500);
  it.verdict = 'answered 500';
  await it.advance(1000);
  it.verdict = null;
  await it.advance(6000);
  assert.deepEqual(it.watch.current(), { status: 'healthy', since: 3000 });
  it.verdict = 'answered 500';
  await it.advance(1000);
  assert.deepEqual(it.watch.current(), { status: 'healthy', since: 3000 });
});

test('one that an earlier daemon knew as healthy stays so without a break', async () => {
  const it = world(null, { healthySince: -5000 });
  assert.deepEqual(it.watch.current(), { status: 'healthy', since: -5000 });
  await it.advance(3000);
  assert.deepEqual(it.watch.current(), { status: 'healthy', since: -5000 });
  assert.deepEqual(it.seen, []);
});

test('without a probe, having lived through the warm-up is health, since the launch: a warm-up counts once', async () => {
  const it = world(null, { health: { ...HEALTH, probe: { kind: 'none' } }, warmUpMs: 700 });
  await it.advance(699);
  assert.equal(it.watch.current().status, 'starting');
  await it.advance(2);
  assert.deepEqual(it.watch.current(), { status: 'healthy', since: 0 });
});

test('once stopped, it asks nothing more and holds no connection', async () => {
  const it = world(null);
  await it.advance(10);
  it.watch.stop();
  await it.advance(5000);
  assert.equal(it.probes.length, 1);
  assert.ok(it.closed());
});
