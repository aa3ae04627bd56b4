import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { groupId, instanceId, type FleetId, type ReleaseNumber } from '../domain/ids.ts';
import type { InstanceHealth, InstanceObservation } from '../engines/engine.ts';
import { keep } from './keeper.ts';
import { emptyKept, foldKept } from './kept-state.ts';

const fleet = 'web.local' as FleetId;
const group = groupId(fleet, 1 as ReleaseNumber);
const sized = foldKept(emptyKept(fleet), { kind: 'group.sized', group, size: 1 }, 0);

/** What is done about one instance, of a group of one. */
function stepsFor(health: InstanceHealth): readonly string[] {
  const seen: InstanceObservation = {
    id: instanceId(group, 'aaaaaa'),
    group,
    release: 'sha256:0' as InstanceObservation['release'],
    launchedAt: 1_000,
    zone: null,
    address: { host: '127.0.0.1', port: 1 },
    health,
  };
  const { steps } = keep({
    kept: sized,
    release: () => null,
    instances: [seen],
    jobs: [],
    grouped: new Map([[group, [seen]]]),
    endpoints: new Map(),
    zones: [],
    placed: new Map(),
    healingRoom: 1,
    balancer: null,
    draining: new Map(),
    busy: new Map(),
    revoked: () => null,
    now: 2_000,
    drawId: () => 'bbbbbb',
  });
  return steps.map((step) => (step.kind === 'record' ? step.event.kind : step.kind));
}

describe('an instance that ended', () => {
  test('by itself is a failure, which brakes what follows it', () => {
    assert.deepEqual(stepsFor({ status: 'exited', at: 2_000, detail: 'exit code 1' }), ['instance.failed', 'launch']);
  });

  test('because its launch was cut off, or its machine, is replaced at once and counts against nobody', () => {
    const health = { status: 'exited', at: 1_000, detail: 'its launch was cut off', blameless: true } as const;
    assert.deepEqual(stepsFor(health), ['instance.retiring', 'launch']);
  });
});
