import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ServiceName } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import { decideMove, decideRollback, findChannel, type MoveRequest } from './channels.ts';
import type { LineageEvent } from './events.ts';
import type { LineageState } from './state.ts';
import { after, imageOf, revoke, set, WEB } from './testing/states.ts';

const request = (channel: string, name: string, change: Partial<MoveRequest> = {}): MoveRequest => ({
  service: WEB,
  channel,
  image: imageOf(name),
  how: 'set',
  by: 'ada',
  why: '',
  breakGlass: false,
  ...change,
});
const policy = (soakMs = 0): LineageEvent => ({
  kind: 'channel.policy',
  service: WEB,
  policies: { production: { after: 'staging', soakMs } },
});
const isError = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof KilnError && error.code === code && message.test(error.message);
const back = (state: LineageState, there: readonly string[], now = 1e9): string | undefined => {
  const isThere = (image: string): boolean => there.some((name) => imageOf(name) === image);
  const { image } = decideRollback(state, findChannel(state, 'web.production'), { isThere, by: 'ada', why: '', now });
  return there.find((name) => imageOf(name) === image);
};

test('a channel keeps all that it ever held, and moves to the same image only once', () => {
  const state = after(set('production', 'a'), set('production', 'b', { why: 'release' }));
  const channel = findChannel(state, 'production');
  assert.equal(channel.image, imageOf('b'));
  assert.deepEqual(
    channel.history.map(({ image, at, by, why }) => [image, at, by, why]),
    [
      [imageOf('a'), 1000, 'ada', ''],
      [imageOf('b'), 2000, 'ada', 'release'],
    ],
  );
  assert.equal(decideMove(state, request('production', 'b'), 3000), null);
});

test('rollbacks go back one by one, over what is revoked or gone, and forward again leaves a mark', () => {
  const [a, b, c] = ['a', 'b', 'c'];
  const forward = [set('production', 'a'), set('production', 'b'), set('production', 'c')];
  assert.equal(back(after(...forward), [a, b, c]), b);
  const once = [...forward, set('production', 'b', { how: 'rollback' })];
  assert.equal(back(after(...once), [a, b, c]), a);
  assert.equal(back(after(...forward, revoke('b')), [a, b, c]), a);
  assert.equal(back(after(...forward), [a, c]), a);
  assert.equal(back(after(...once, set('production', 'c')), [a, b, c]), b);
  assert.throws(() => back(after(...forward), [c]), isError('NO_WAY_BACK', /web.production held no image before/));
});

test('a policy takes only what was in the channel before, for as long as it says', () => {
  const move = (now: number, ...events: readonly LineageEvent[]): LineageEvent | null =>
    decideMove(after(...events), request('production', 'a'), now);
  assert.throws(() => move(9000, policy()), isError('CHANNEL_REFUSED', /only what was in staging before/));
  assert.throws(() => move(9000, policy(), set('staging', 'b')), isError('CHANNEL_REFUSED', /in staging before/));
  assert.equal(move(9000, policy(), set('staging', 'a'))?.kind, 'channel.set');
  assert.equal(move(9000, policy(), set('staging', 'a'), set('staging', 'b'))?.kind, 'channel.set', 'it need not be there still');
  assert.throws(
    () => move(9000, policy(8000), set('staging', 'a')),
    isError('CHANNEL_REFUSED', /for 8 s, and this was there for 7 s/),
  );
  assert.equal(move(10_000, policy(8000), set('staging', 'a'))?.kind, 'channel.set');
  const twice = [set('staging', 'a'), set('staging', 'b'), set('staging', 'a')];
  assert.throws(() => move(6000, policy(3000), ...twice), isError('CHANNEL_REFUSED', /there for 2 s/), 'without a break');
});

test('a broken glass overrules the policy and stays in the history; a revocation it does not overrule', () => {
  const move = decideMove(after(policy()), request('production', 'a', { breakGlass: true, why: 'outage' }), 0);
  assert.match(move?.overruled ?? '', /staging before/);
  assert.throws(
    () => decideMove(after(revoke('a')), request('production', 'a', { breakGlass: true }), 1),
    isError('IMAGE_REVOKED', /was revoked by ada: leaks a key/),
  );
  assert.equal(decideMove(after(revoke('a', { since: 5000 })), request('production', 'a'), 4999)?.image, imageOf('a'));
});

test('a channel is called by its service too, where that is needed', () => {
  const state = after(set('production', 'a'), set('production', 'b', { service: 'api' as ServiceName }), set('staging', 'c'));
  assert.equal(findChannel(state, 'staging').service, 'web');
  assert.equal(findChannel(state, 'api.production').image, imageOf('b'));
  assert.throws(() => findChannel(state, 'production'), isError('USAGE', /web.production, api.production/));
  assert.throws(() => findChannel(state, 'web.nightly'), isError('NOT_FOUND', /no channel "web.nightly"/));
  for (const name of ['latest.', 'A', '', '__proto__', 'a'.repeat(40)]) {
    assert.throws(() => decideMove(state, request(name, 'a'), 0), isError('USAGE', /cannot be the name/));
  }
  assert.notEqual(decideMove(state, request('constructor', 'a'), 0), null, 'no policy comes from the language');
});
