import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fakeTerminal, fleet } from '../testing/fakes.ts';
import { metricLines } from './metrics.ts';

const quiet = {
  name: 'lag',
  bound: 'above 5',
  state: 'quiet',
  value: null,
  since: null,
  endsAt: null,
  unreadable: null,
} as const;
const lines = (alarms: Parameters<typeof metricLines>[0]['alarms']): string =>
  metricLines(fleet({ alarms }), { terminal: fakeTerminal(), now: 60_000 }).join('\n');

test('an alarm says by what it was raised, and when it ends the rollout', () => {
  assert.match(lines([quiet]), /quiet: lag/);
  const raised = { ...quiet, state: 'raised', value: 7.5, since: 48_000, endsAt: 78_000 } as const;
  assert.match(lines([raised]), /the alarm lag is raised for 12 s \(7.5 is above 5\): it ends the rollout in 18 s/);
  assert.match(lines([{ ...raised, state: 'standing', endsAt: null }]), /was raised before this rollout .* until it has cleared/);
  assert.match(lines([{ ...quiet, unreadable: 'it answered 500' }]), /the alarm lag can't be read: it answered 500/);
});
