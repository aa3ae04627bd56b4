/**
 * Law 6, by a model check of the planner: around every situation of every strategy's good way, all that people, instances, load
 * balancer, tasks and time can make of it within three moves. MOVES and MOST look farther.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Plan } from '../../src/plan/plan.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import { WAITING } from '../../src/plan/waiting.ts';
import { check } from './model/check.ts';
import type { Subject } from './model/machine.ts';
import { SUBJECTS } from './model/subjects.ts';

const BOUNDS = { moves: Number(process.env['MOVES'] ?? 3), most: Number(process.env['MOST'] ?? 4000) };
const seen = new Set<string>();

for (const [name, subject] of Object.entries(SUBJECTS)) {
  test(`${name}: every state has a deadline and a way out, and time alone leads out of it`, (context) => {
    const { situations, moves, states, broken } = check(subject, BOUNDS);
    context.diagnostic(`${situations} situations, all within ${moves} moves`);
    for (const state of states) seen.add(state);
    assert.deepEqual(broken, []);
    assert.ok(moves >= 2, 'nothing was looked at');
  });
}

test('every state of the table is one that a fleet was seen in', () => {
  assert.deepEqual([...seen].toSorted(), Object.keys(WAITING).toSorted());
});

const canary = SUBJECTS['canary'] as Subject;
const sabotaged = (change: (plan: Plan) => Plan): Subject => ({ ...canary, planner: (...given) => change(reconcile(...given)) });

const SABOTAGES: Readonly<Record<string, readonly [Subject, RegExp]>> = {
  'a wait without a deadline': [
    sabotaged((plan) => ({ ...plan, waits: plan.waits.map((wait) => ({ ...wait, until: null })) })),
    /has no deadline/,
  ],
  'a deadline for which nobody wakes': [sabotaged((plan) => ({ ...plan, wakeAt: null })), /nobody wakes for the deadline/],
  'a planner that says nothing': [sabotaged((plan) => ({ ...plan, waits: [] })), /does not say for what/],
  'a deadline at which nothing happens': [
    {
      ...canary,
      planner: (state, observed, facts) => reconcile(state, observed, { ...facts, now: state.rollout?.startedAt ?? facts.now }),
    },
    /at its deadline|outlives its deadline|in circles/,
  ],
  'a planner that moves at rest': [
    sabotaged((plan) =>
      plan.steps.length + plan.waits.length > 0
        ? plan
        : { ...plan, steps: [{ kind: 'record', event: { kind: 'fleet.started' } }] },
    ),
    /does not come to rest/,
  ],
};

for (const [name, [subject, words]] of Object.entries(SABOTAGES)) {
  test(`${name} is seen`, () => {
    const { broken } = check(subject, { moves: 2, most: 500 });
    assert.match(broken.join('\n'), words);
  });
}
