import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { groupId, instanceId, type FleetId, type ReleaseNumber } from '../domain/ids.ts';
import type { EndpointObservation, InstanceObservation } from '../engines/engine.ts';
import { drained, drainTimes, evictions, sessionsLeft } from './drain.ts';
import type { KeeperInput } from './keeper-input.ts';
import { emptyKept, type Eviction } from './kept-state.ts';

const fleet = 'web.local' as FleetId;
const group = groupId(fleet, 1 as ReleaseNumber);
const id = instanceId(group, 'aaaaaa');
const seen: InstanceObservation = {
  id,
  group,
  release: 'sha256:0' as InstanceObservation['release'],
  launchedAt: 0,
  zone: null,
  address: { host: '127.0.0.1', port: 1 },
  health: { status: 'healthy', since: 0 },
};
const BUDGETS = { drainMs: 10_000, streamDrainMs: 30_000, streamPaceMs: 20_000 };

interface Scene {
  /** Since the drain began. */
  readonly now: number;
  readonly sessions: number;
  readonly streams: number;
  readonly eviction?: Eviction;
  readonly budgets?: Partial<typeof BUDGETS>;
}

function input({ now, sessions, streams, eviction, budgets = {} }: Scene): KeeperInput {
  const endpoint: EndpointObservation = { instance: id, state: 'drain', up: true, sessions, streams };
  const routing = { port: 1, listen: null, preview: null, ...BUDGETS, ...budgets };
  return {
    kept: {
      ...emptyKept(fleet),
      retiring: new Map([[id, 0]]),
      evicting: new Map(eviction === undefined ? [] : [[id, eviction]]),
    },
    release: () => ({ content: { routing } }) as ReturnType<KeeperInput['release']>,
    instances: [seen],
    jobs: [],
    grouped: new Map([[group, [seen]]]),
    endpoints: new Map([[id, endpoint]]),
    zones: [],
    placed: new Map(),
    healingRoom: 1,
    balancer: { weights: {}, preview: null, canary: null, endpoints: [endpoint] },
    draining: new Map([[id, 0]]),
    busy: new Map(),
    revoked: () => null,
    now,
    drawId: () => 'bbbbbb',
  };
}
const isDrained = (scene: Scene): boolean => drained(input(scene), seen);

describe('a drain', () => {
  test('is over when nothing is in flight, and not before', () => {
    assert.equal(isDrained({ now: 0, sessions: 0, streams: 0 }), true);
    assert.equal(isDrained({ now: 9_999, sessions: 1, streams: 0 }), false);
  });

  test('requests have their budget, streams theirs: an instance with requests only does not wait for that of streams', () => {
    assert.equal(isDrained({ now: 10_000, sessions: 1, streams: 0 }), true);
    assert.equal(isDrained({ now: 10_000, sessions: 3, streams: 1 }), false);
    assert.equal(isDrained({ now: 50_000, sessions: 1, streams: 1 }), false);
    assert.equal(isDrained({ now: 60_000, sessions: 1, streams: 1 }), true);
  });

  test('nothing is closed before both budgets are spent, the shorter one of streams included', () => {
    assert.deepEqual(evictions(input({ now: 29_999, sessions: 9, streams: 9 })), { events: [], steps: [] });
    const short = { streamDrainMs: 0 };
    assert.deepEqual(evictions(input({ now: 9_999, sessions: 9, streams: 9, budgets: short })), { events: [], steps: [] });
    assert.equal(evictions(input({ now: 10_000, sessions: 9, streams: 9, budgets: short })).events.length, 1);
  });

  test('its eviction is journaled before it begins, then goes on by the clock', () => {
    const begin = evictions(input({ now: 30_000, sessions: 1_000, streams: 990 }));
    assert.deepEqual(begin, { events: [{ kind: 'instance.evicting', instance: id, sessions: 1_000 }], steps: [] });
    const eviction = { at: 30_000, sessions: 1_000 };
    const midway = evictions(input({ now: 40_000, sessions: 900, streams: 890, eviction }));
    assert.deepEqual(midway, { events: [], steps: [{ kind: 'evict', instance: id, most: 500 }] });
    assert.deepEqual(evictions(input({ now: 40_000, sessions: 500, streams: 490, eviction })).steps, []);
  });

  test('is not cut short where the closing is late, and not waited for for ever', () => {
    const late = { sessions: 300, streams: 300, eviction: { at: 30_000, sessions: 1_000 } };
    assert.equal(isDrained({ now: 59_999, ...late }), false);
    assert.deepEqual(evictions(input({ now: 59_999, ...late })).steps, [{ kind: 'evict', instance: id, most: 0 }]);
    assert.equal(isDrained({ now: 60_000, ...late }), true);
    assert.deepEqual(evictions(input({ now: 60_000, ...late })).steps, []);
  });

  test('the pace is even, ends at none, and is no slower than ten a second', () => {
    const left = (elapsedMs: number, sessions: number, paceMs = 20_000): number =>
      sessionsLeft({ at: 5, sessions }, paceMs, 5 + elapsedMs);
    assert.deepEqual(
      [0, 5_000, 10_000, 20_000].map((at) => left(at, 8_000)),
      [8_000, 6_000, 4_000, 0],
    );
    assert.deepEqual(
      [0, 100, 300, 500].map((at) => left(at, 4)),
      [4, 3, 1, 0],
    );
    assert.equal(left(0, 8_000, 0), 0);
    for (let at = 0, before = 8_000; at <= 20_000; at += 200) {
      const now = left(at, 8_000);
      assert.ok(before - now <= 81, `${before - now} closed together`);
      before = now;
    }
  });

  test('is looked at when something of it ends or begins', () => {
    assert.deepEqual(drainTimes(input({ now: 9_900, sessions: 1, streams: 0 })), [10_000]);
    assert.deepEqual(drainTimes(input({ now: 29_999, sessions: 1, streams: 1 })), [30_000]);
    assert.deepEqual(
      drainTimes(input({ now: 31_000, sessions: 1, streams: 1, eviction: { at: 30_000, sessions: 1 } })),
      [31_200],
    );
  });
});
