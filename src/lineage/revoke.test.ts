import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import { ancestorsOf, descendantsOf, type Parents } from './graph.ts';
import type { LineageEvent } from './events.ts';
import { decideRevoke, inheritedBy } from './revoke.ts';
import { revocationAt } from './state.ts';
import { after, imageOf, revoke } from './testing/states.ts';

/** `child < parent parent`, a line each. */
const graph = (...lines: readonly string[]): Parents =>
  new Map(
    lines.map((line): [Digest, readonly Digest[]] => {
      const [child = '', above = ''] = line.split(' < ');
      return [
        imageOf(child),
        above
          .split(' ')
          .filter((name) => name !== '')
          .map(imageOf),
      ];
    }),
  );
const images = (events: readonly { readonly image: Digest }[]): readonly Digest[] => events.map(({ image }) => image);
const all = (...names: readonly string[]): readonly Digest[] => names.map(imageOf);

const FAMILY = graph('base', 'runtime < base', 'tools', 'web < runtime tools', 'api < runtime', 'other < scratch');
const request = { image: imageOf('base'), since: 0, cascade: true, by: 'ada', why: '' };

test('ancestors and descendants, with their levels, known here or not', () => {
  assert.deepEqual(
    [...ancestorsOf(imageOf('web'), FAMILY)],
    [
      [imageOf('runtime'), 1],
      [imageOf('tools'), 1],
      [imageOf('base'), 2],
    ],
  );
  assert.deepEqual([...ancestorsOf(imageOf('other'), FAMILY)], [[imageOf('scratch'), 1]]);
  assert.deepEqual(
    [...descendantsOf([imageOf('base')], FAMILY)],
    [
      [imageOf('runtime'), 1],
      [imageOf('web'), 2],
      [imageOf('api'), 2],
    ],
  );
  assert.deepEqual([...descendantsOf([imageOf('unknown')], FAMILY)], []);
});

test('a lineage that goes in a circle is walked once', () => {
  const circle = graph('a < c', 'b < a', 'c < b', 'self < self');
  assert.deepEqual(
    [...ancestorsOf(imageOf('a'), circle)],
    [
      [imageOf('c'), 1],
      [imageOf('b'), 2],
    ],
  );
  assert.deepEqual(
    [...descendantsOf([imageOf('a')], circle)],
    [
      [imageOf('b'), 1],
      [imageOf('c'), 2],
    ],
  );
  assert.deepEqual([...ancestorsOf(imageOf('self'), circle)], []);
});

test('revoked with its descendants: the exact set, the nearest first, and the same again is nothing', () => {
  const events = decideRevoke(after(), FAMILY, request);
  assert.deepEqual(images(events), all('base', 'runtime', 'web', 'api'));
  assert.deepEqual(
    events.map(({ through }) => through),
    [null, imageOf('base'), imageOf('base'), imageOf('base')],
  );
  assert.deepEqual(decideRevoke(after(...events), FAMILY, request), []);
  assert.deepEqual(images(decideRevoke(after(), FAMILY, { ...request, cascade: false })), all('base'));
});

test('a later or narrower revocation weakens none that is there', () => {
  const state = after(revoke('a', { since: 1000, cascade: true }), revoke('a', { since: 9000, by: 'bob' }));
  const found = state.revocations.get(imageOf('a'));
  assert.deepEqual([found?.since, found?.cascade, found?.by], [1000, true, 'ada']);
  assert.equal(revocationAt(state, imageOf('a'), 999), null);
  assert.equal(revocationAt(state, imageOf('a'), 1000)?.since, 1000);
  const sooner = decideRevoke(state, FAMILY, { ...request, image: imageOf('a'), since: 500, cascade: false });
  assert.equal(revocationAt(after(revoke('a', { since: 1000 }), ...sooner), imageOf('a'), 500)?.since, 500);
});

test('what is made later of an image that was revoked with its descendants is revoked from its birth', () => {
  const state = after(...decideRevoke(after(), FAMILY, { ...request, since: 7000 }));
  const grown = new Map([...FAMILY, ...graph('late < web')]);
  const inherited = inheritedBy(state, grown, imageOf('late'));
  assert.deepEqual([inherited?.image, inherited?.since, inherited?.through], [imageOf('late'), 7000, imageOf('base')]);
  assert.equal(inheritedBy(after(revoke('base')), grown, imageOf('late')), null, 'not where it was revoked alone');
  assert.equal(inheritedBy(state, grown, imageOf('other')), null);
  assert.equal(inheritedBy(after(...[...state.revocations.values()].map(again)), grown, imageOf('web')), null, 'once');
});

const again = (revocation: object): LineageEvent => ({ kind: 'image.revoked', ...revocation }) as LineageEvent;

test('taken back, it is taken back from those that were revoked through it', () => {
  const events = decideRevoke(after(revoke('api')), FAMILY, request);
  const state = after(revoke('api'), ...events, {
    kind: 'revocation.undone',
    image: imageOf('base'),
    by: 'ada',
    why: 'a mistake',
  });
  assert.deepEqual([...state.revocations.keys()], all('api'), 'what was revoked by itself stays so');
});
