import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Json } from '../../domain/json.ts';
import { describeEntry } from './entry.ts';

const cases: readonly (readonly [kind: string, data: Json, words: string])[] = [
  ['rollout.started', { from: 7, to: 8, cause: 'deploy', reason: 'deploy' }, 'r7 → r8 started (deploy)'],
  ['rollout.started', { from: 8, to: null, cause: 'failure', reason: 'too slow' }, 'r8 → nothing started (failure: too slow)'],
  ['rollout.finished', { outcome: 'rolled-back', warm: [] }, 'rolled back'],
  ['traffic.set', { weights: { 'web.local.r7': 2500, 'web.local.r8': 7500 }, preview: null }, 'traffic: r7 25 %, r8 75 %'],
  [
    'traffic.set',
    {
      weights: { 'web.local.r7': 10_000 },
      canary: {
        group: 'web.local.r8',
        sticky: { by: 'cookie' },
        matches: [{ in: 'header', name: 'x-canary', is: 'yes' }],
        mirror: 1000,
      },
    },
    'traffic: r7 100 %; r8: sticky by cookie, with the header x-canary, a copy of 10 %',
  ],
  ['instance.failed', { instance: 'web.local.r8.k3f9x2', why: 'exit code 1' }, 'r8.k3f9x2 failed: exit code 1'],
  ['command.given', { command: 'scale', by: 'ada' }, 'scale, given by ada'],
  ['step.intent', { step: 'launch', instance: 'web.local.r8.k3f9x2', env: {} }, 'begin launch web.local.r8.k3f9x2'],
  ['of.the.future', { x: 1 }, 'of.the.future {"x":1}'],
];

test('entries read as sentences, and unknown ones are shown as they are', () => {
  for (const [kind, data, words] of cases) assert.equal(describeEntry({ kind, data }), words);
});

test('a damaged entry is shown, not thrown over', () => {
  for (const [kind] of cases) {
    for (const data of [null, 'text', [], { release: 3, weights: null }] as const)
      assert.ok(describeEntry({ kind, data }) !== '');
  }
});
