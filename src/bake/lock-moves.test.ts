/** What an update of the lock moved. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import type { LockedPackage } from './lock-content.ts';
import { movesBetween } from './lock-moves.ts';

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;
const deb = (name: string, version: string, hash = version): LockedPackage => ({
  name,
  version,
  sha256: hash,
  path: `${name}.deb`,
});

test('packages that moved, came and went are told with their versions, and bases with their digests', () => {
  const before = {
    bases: { 'a:1': digest('a'), 'b:1': digest('b') },
    packages: { web: [deb('x', '1'), deb('y', '1'), deb('z', '1')] },
  };
  const after = {
    bases: { 'a:1': digest('c'), 'b:1': digest('b') },
    packages: { web: [deb('w', '1'), deb('x', '2'), deb('y', '1')] },
  };
  assert.deepEqual(movesBetween(before, after), [
    { kind: 'base', name: 'a:1', from: digest('a'), to: digest('c') },
    { kind: 'package', set: 'web', name: 'w', from: null, to: '1', hash: false },
    { kind: 'package', set: 'web', name: 'x', from: '1', to: '2', hash: false },
    { kind: 'package', set: 'web', name: 'z', from: '1', to: null, hash: false },
  ]);
});

test('a package of the same version with another hash is a move, too', () => {
  const moves = movesBetween(
    { bases: {}, packages: { web: [deb('x', '1', 'a')] } },
    { bases: {}, packages: { web: [deb('x', '1', 'b')] } },
  );
  assert.deepEqual(moves, [{ kind: 'package', set: 'web', name: 'x', from: '1', to: '1', hash: true }]);
});

test('a set that the recipe did not have before is no move', () => {
  assert.deepEqual(movesBetween({ bases: {}, packages: {} }, { bases: {}, packages: { web: [deb('x', '1')] } }), []);
});
