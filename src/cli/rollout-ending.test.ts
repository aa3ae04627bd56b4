import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { EntryBody } from '../client/client.ts';
import type { FleetId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import { KilnError } from '../errors/error.ts';
import { endingWatcher } from './rollout-ending.ts';

const entry = (kind: string, data: Json): EntryBody => ({ kind, data }) as EntryBody;
const started = (to: number | null, cause: string): EntryBody => entry('rollout.started', { from: 7, to, cause, reason: cause });
const finished = (outcome: string): EntryBody => entry('rollout.finished', { outcome, warm: [] });

/** The first ending among the entries, as `done` or the error's code. */
function endingOf(entries: readonly EntryBody[], joined = false): string | null {
  const next = endingWatcher({ fleet: 'web.local' as FleetId, release: 8, after: 0, joined });
  const first = entries.map(next).find((ending) => ending !== null) ?? null;
  return first instanceof KilnError ? first.code : first;
}

test('a rollout that finishes at its release is done', () => {
  assert.equal(endingOf([started(8, 'deploy'), finished('done')]), 'done');
});

test('a rollout that is replaced by its way back ends when that is finished, as rolled back', () => {
  assert.equal(endingOf([started(8, 'deploy'), started(7, 'failure')]), null);
  assert.equal(endingOf([started(8, 'deploy'), started(7, 'failure'), finished('rolled-back')]), 'ROLLED_BACK');
  assert.equal(endingOf([started(8, 'deploy'), started(null, 'abort'), finished('rolled-back')]), 'ROLLED_BACK');
});

test('a way back that fails needs a person', () => {
  assert.equal(endingOf([started(8, 'deploy'), started(7, 'failure'), entry('rollout.attention', { reason: 'x' })]), 'ATTENTION');
});

test('the end of a rollout before ours is not ours', () => {
  assert.equal(endingOf([finished('done')]), null);
  assert.equal(endingOf([started(6, 'deploy'), finished('done'), started(8, 'deploy'), finished('done')]), 'done');
});

test('a rollout that was joined ends though its start was not seen', () => {
  assert.equal(endingOf([finished('done')], true), 'done');
  assert.equal(endingOf([started(7, 'abort'), finished('rolled-back')], true), 'ROLLED_BACK');
});

test('a deploy of the release that the rollout left is done when the way back is', () => {
  assert.equal(endingOf([started(8, 'abort'), finished('rolled-back')], true), 'done');
});

test('another deploy, rollback or removal takes its place', () => {
  assert.equal(endingOf([started(8, 'deploy'), started(9, 'deploy')]), 'SUPERSEDED');
  assert.equal(endingOf([started(8, 'deploy'), started(7, 'rollback')]), 'SUPERSEDED');
  assert.equal(endingOf([started(8, 'deploy'), entry('fleet.retiring', {})]), 'SUPERSEDED');
});
