import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FleetStatusBody } from '../../client/client.ts';
import { widthOf } from '../terminal.ts';
import { fakeTerminal, fleet, group, NOW } from '../testing/fakes.ts';
import { fleetLines, fleetsLines } from './fleet.ts';

const around = { terminal: fakeTerminal(), now: NOW };
const text = (status: FleetStatusBody): string => fleetLines(status, around).join('\n');
const r8 = group(8).release;

test('a steady fleet is two lines', () => {
  assert.equal(
    text(fleet()),
    `web.local   r7   steady for 3 m 12 s   http://localhost:8080
  ✓ r7    3 of 3 healthy       100 % of traffic`,
  );
});

test('a way back that runs is warm; one that nothing runs of would be launched anew', () => {
  const back = { weight: 0, warmUntil: NOW + 540_000 };
  const status = (size: number): FleetStatusBody =>
    fleet({ target: r8, serving: r8, groups: [group(8), group(7, { ...back, size, running: size, healthy: size })] });
  assert.match(text(status(3)), /✓ r7 +3 of 3 healthy +0 % of traffic {3}kept warm for 9 m/);
  const gone = text(status(0)).split('\n').at(-1) ?? '';
  assert.match(gone, /○ r7 +0 retiring +0 % of traffic {3}cold way back for 9 m/);
  assert.ok(widthOf(gone) <= 80, gone);
});

test('a rollout says how far it is, why it waits, when it gives up, and what can be typed', () => {
  const status = fleet({
    phase: 'advancing',
    target: r8,
    groups: [group(7, { size: 2, healthy: 2, weight: 6667 }), group(8, { size: 2, healthy: 1, weight: 3333 })],
    waits: [
      { state: 'instances', reason: '1 of 2 instances of r8 healthy', until: NOW + 252_000, otherwise: 'rolls back to r7' },
    ],
  });
  assert.equal(
    text(status),
    `web.local   r7 → r8   advancing for 3 m 12 s   http://localhost:8080
  ● r8    1 of 2 healthy      33.3 % of traffic
  ✓ r7    2 of 2 healthy      66.7 % of traffic
  ● 1 of 2 instances of r8 healthy; rolls back to r7 in 4 m 12 s
    kiln status web --watch · kiln pause web · kiln abort web`,
  );
});

test('failures name their reason, the brake, and the instances to look at', () => {
  const failing = group(8, {
    healthy: 0,
    weight: 0,
    failures: 4,
    lastFailure: 'GET /healthz answered 500',
    brakedUntil: NOW + 8000,
  });
  const instance = {
    id: 'web.local.r8.k3f9x2',
    release: r8,
    launchedAt: NOW,
    address: null,
    health: 'exited',
    detail: 'exit code 1',
  };
  const status = fleet({
    phase: 'restoring',
    groups: [group(7), failing],
    instances: [instance as FleetStatusBody['instances'][number]],
  });
  assert.equal(
    text(status),
    `web.local   r7   restoring for 3 m 12 s   http://localhost:8080
  ✗ r8    0 of 3 healthy         0 % of traffic
      4 failed, the last: GET /healthz answered 500
      keeps failing, so the next launch waits 8.0 s
      web.local.r8.k3f9x2   exited: exit code 1
  ✓ r7    3 of 3 healthy       100 % of traffic
    kiln status web --watch · kiln logs web`,
  );
});

const task = (change: Partial<FleetStatusBody['tasks'][number]>): FleetStatusBody['tasks'][number] => ({
  name: 'before-1',
  title: 'job node migrate.js',
  kind: 'job',
  at: 'before',
  release: r8,
  state: 'waiting',
  startedAt: null,
  endedAt: null,
  detail: null,
  ...change,
});

test('the tasks of a rollout: what passed, what is waited for, what comes', () => {
  const status = fleet({
    phase: 'advancing',
    target: r8,
    tasks: [
      task({ state: 'passed', startedAt: NOW - 9000, endedAt: NOW - 8200, detail: 'exited with code 0' }),
      task({ name: 'approval-traffic', title: 'approval', kind: 'approval', at: 'traffic', state: 'running', startedAt: NOW }),
      task({ name: 'webhook-1-after', title: 'webhook https://ops.example/', kind: 'webhook', at: 'after' }),
    ],
    waits: [
      {
        state: 'instances',
        reason: 'somebody to approve r8 before it gets traffic',
        until: NOW + 3_600_000,
        otherwise: 'rolls back to r7',
      },
    ],
  });
  assert.equal(
    text(status),
    `web.local   r7 → r8   advancing for 3 m 12 s   http://localhost:8080
  ✓ r7    3 of 3 healthy       100 % of traffic
  ✓ job node migrate.js   0.80 s
  ○ webhook https://ops.example/
  ● somebody to approve r8 before it gets traffic; rolls back to r7 in 1 h 0 m
    kiln status web --watch · kiln approve web · kiln pause web · kiln abort web`,
  );
});

test('once a rollout has ended, only the tasks that did not pass are told', () => {
  const status = fleet({
    tasks: [
      task({ state: 'passed', startedAt: NOW - 9000, endedAt: NOW - 8200 }),
      task({
        title: 'webhook https://ops.example/',
        at: 'after',
        state: 'failed',
        startedAt: NOW,
        endedAt: NOW,
        detail: 'it answered 500',
      }),
    ],
  });
  assert.equal(
    text(status),
    `web.local   r7   steady for 3 m 12 s   http://localhost:8080
  ✓ r7    3 of 3 healthy       100 % of traffic
  ✗ webhook https://ops.example/   failed: it answered 500`,
  );
});

test('a group on its way out is not called healthy', () => {
  const lines = fleetLines(fleet({ groups: [group(7), group(6, { size: 0, running: 2, healthy: 0, weight: 0 })] }), around);
  assert.equal(lines.at(-1), '  ○ r6    2 retiring             0 % of traffic');
});

test('what an instance or the machine says cannot steer the terminal', () => {
  const status = fleet({
    trouble: 'bad\u001B[2J\nnews\u0007',
    groups: [group(7, { healthy: 1, failures: 1, lastFailure: '\u001B]0;owned\u0007x' })],
  });
  assert.doesNotMatch(fleetLines(status, around).join(''), /\p{Cc}/u);
});

test('the overview of all fleets fits 80 columns', () => {
  const long = fleet({ fleet: 'a-service-with-a-very-long-name.production' as FleetStatusBody['fleet'] });
  const lines = fleetsLines([fleet(), long], around);
  assert.deepEqual(
    lines.map(widthOf).filter((width) => width > 80),
    [],
  );
  assert.match(lines[0] ?? '', /^SERVICE +ENV +RELEASE +HEALTHY +STATE +ADDRESS$/);
  assert.match(lines[1] ?? '', /^web +local +r7 +3\/3 +steady +http/);
});

test('with nothing deployed, the next step is named', () => {
  assert.deepEqual(fleetsLines([], around), ['Nothing is deployed. Next: kiln deploy DIR']);
});
