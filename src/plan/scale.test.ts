import assert from 'node:assert/strict';
import { test } from 'node:test';

import { groupId, type ReleaseNumber } from '../domain/ids.ts';
import type { Measurement, ScalePolicy } from '../domain/upkeep.ts';
import type { FleetObservation } from '../engines/engine.ts';
import { contentOf, FLEET, imageOf, releaseOf } from '../../test/simulation/releases.ts';
import type { FleetEvent } from './events.ts';
import { scaleOf, type Scaling } from './scale.ts';
import { emptyFleet, fold, type FleetState } from './state.ts';
import { worldOf } from './world.ts';

const R1 = 1 as ReleaseNumber;
const GROUP = groupId(FLEET, R1);
const policy: ScalePolicy = { targets: [{ kind: 'cpu', each: 60 }], upMs: 30_000, downMs: 300_000 };
const START = 1_000_000;
/** Long after all cool-downs. */
const LATER = START + 3_600_000;

interface Situation {
  readonly size: number;
  readonly ready?: number;
  readonly now?: number;
  readonly events?: readonly FleetEvent[];
  readonly revoked?: boolean;
}

function stateOf(size: number, events: readonly FleetEvent[]): FleetState {
  const begun: readonly FleetEvent[] = [
    { kind: 'release.made', release: releaseOf(1, contentOf(imageOf('one'))) },
    { kind: 'size.set', size },
    { kind: 'bounds.set', min: 2, max: 10 },
    { kind: 'upkeep.set', scale: policy, maxAgeMs: null },
    { kind: 'rollout.started', from: null, to: R1, cause: 'deploy', reason: 'deploy' },
    { kind: 'rollout.finished', outcome: 'done', warm: [] },
  ];
  return [...begun, ...events].reduce((state, event, seq) => fold(state, event, seq + 1, START), emptyFleet(FLEET));
}

function scaled(
  load: readonly Measurement[] | null,
  { size, ready = size, now = LATER, events = [], revoked }: Situation,
): Scaling {
  const observed: FleetObservation = {
    fleet: FLEET,
    jobs: [],
    groups: [
      {
        group: GROUP,
        size,
        running: size,
        healthySince: Array.from({ length: ready }, () => START),
        members: [],
        failures: 0,
        lastFailure: null,
        brakedUntil: null,
        deleting: false,
      },
    ],
    weights: { [GROUP]: 10_000 },
    preview: null,
    canary: null,
    settled: true,
    trouble: null,
  };
  const isRevoked = () => (revoked === true ? { since: 0, by: 'ada', why: '' } : null);
  const facts = { now, revoked: isRevoked as never, metrics: null, load };
  const scaling = scaleOf(worldOf(stateOf(size, events), observed, facts), load);
  assert.ok(scaling);
  return scaling;
}

const cpu = (total: number | null, whole = true): readonly Measurement[] => [{ kind: 'cpu', each: 60, total, whole }];
const sizeSet = ({ event }: Scaling): number | null => (event?.kind === 'size.set' ? event.size : null);

test('it grows at once to what the load asks for, and says by which numbers', () => {
  const { event } = scaled(cpu(330), { size: 3 });
  assert.deepEqual(event, { kind: 'size.set', size: 6, load: { kind: 'cpu', each: 60, total: 330, from: 3 } });
});

test('a load near to what it should be changes nothing', () => {
  for (const total of [163, 180, 197]) assert.equal(scaled(cpu(total), { size: 3 }).event, null, `${total}`);
  assert.equal(sizeSet(scaled(cpu(199), { size: 3 })), 4);
});

test('it stays between min and max', () => {
  assert.equal(sizeSet(scaled(cpu(5000), { size: 8 })), 10);
  assert.equal(scaled(cpu(5000), { size: 10 }).event, null);
  assert.match(scaled(cpu(5000), { size: 10 }).why, /10 is the most/);
  assert.equal(sizeSet(scaled(cpu(1), { size: 3 })), 2);
  assert.equal(scaled(cpu(0), { size: 2 }).event, null);
});

test('a size out of its bounds comes back into them', () => {
  assert.equal(sizeSet(scaled(cpu(720), { size: 12 })), 10);
});

test('up soon and down slowly: at most twice as many more, and a quarter less, at a time', () => {
  assert.equal(sizeSet(scaled(cpu(600), { size: 2 })), 6);
  assert.equal(sizeSet(scaled(cpu(10), { size: 10 })), 8);
  assert.equal(sizeSet(scaled(cpu(10), { size: 3 })), 2);
});

test('after a change it waits: a little to grow, longer to shrink', () => {
  const soon = { size: 4, now: START + 10_000 };
  assert.deepEqual(scaled(cpu(600), soon).event, null);
  assert.equal(scaled(cpu(600), soon).until, START + 30_000);
  assert.equal(sizeSet(scaled(cpu(480), { size: 4, now: START + 30_000 })), 8);
  assert.equal(scaled(cpu(10), { size: 4, now: START + 30_000 }).until, START + 300_000);
  assert.equal(sizeSet(scaled(cpu(10), { size: 4, now: START + 300_000 })), 3);
});

test('of several targets the one that asks for most decides', () => {
  const requests: Measurement = { kind: 'requests', each: 50, total: 400, whole: true };
  const both = scaled([...cpu(60), requests], { size: 4 });
  assert.deepEqual(both.event, { kind: 'size.set', size: 8, load: { kind: 'requests', each: 50, total: 400, from: 4 } });
});

test('what is not known grows nothing and shrinks nothing', () => {
  assert.equal(scaled(null, { size: 4 }).event, null);
  assert.equal(scaled(cpu(null), { size: 4 }).event, null);
  assert.equal(scaled(cpu(10, false), { size: 4 }).event, null, 'an instance may be busy that was not measured');
  assert.equal(scaled(cpu(480, false), { size: 4 }).event, null, 'new ones may have taken over some of it');
  const idle: Measurement = { kind: 'requests', each: 50, total: 0, whole: true };
  assert.equal(scaled([...cpu(null), idle], { size: 4 }).event, null, 'one of two is not enough to shrink by');
  assert.equal(sizeSet(scaled([...cpu(null), { ...idle, total: 400 }], { size: 4 })), 8, 'and enough to grow by');
});

const rollout: FleetEvent = { kind: 'rollout.started', from: R1, to: 2 as ReleaseNumber, cause: 'deploy', reason: 'deploy' };
const second: FleetEvent = { kind: 'release.made', release: releaseOf(2, contentOf(imageOf('two'))) };

test('during a rollout it grows and never shrinks; paused it does neither', () => {
  const moving = { size: 4, events: [second, rollout] };
  assert.equal(sizeSet(scaled(cpu(480), moving)), 8);
  assert.equal(sizeSet(scaled(cpu(480, false), moving)), 8, 'there are new ones all the time');
  assert.equal(scaled(cpu(10), moving).event, null);
  const paused: Situation = { size: 4, events: [second, rollout, { kind: 'rollout.paused' }] };
  assert.equal(scaled(cpu(480), paused).event, null);
});

test('it does not grow upon instances that are not ready, nor with a revoked image, and does not shrink a fleet that heals', () => {
  assert.equal(scaled(cpu(480), { size: 4, ready: 3 }).event, null);
  assert.equal(scaled(cpu(480), { size: 4, revoked: true }).event, null);
  assert.equal(scaled(cpu(10), { size: 4, ready: 3 }).event, null);
});

test('a size that a person has set stays until its time is over, or until it is given back', () => {
  const held = { size: 4, events: [{ kind: 'scaling.held', until: LATER + 1 } as const] };
  assert.equal(scaled(cpu(480), held).event, null);
  assert.equal(scaled(cpu(480), held).until, LATER + 1);
  const over = { size: 4, events: [{ kind: 'scaling.held', until: LATER } as const] };
  assert.deepEqual(scaled(cpu(480), over).event, { kind: 'scaling.resumed' });
  const forever = { size: 4, events: [{ kind: 'scaling.held', until: null } as const] };
  assert.equal(scaled(cpu(480), forever).event, null);
});
