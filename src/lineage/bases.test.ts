import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ServiceName } from '../domain/ids.ts';
import { imagesWithPackages, isMoved, movedBases } from './bases.ts';
import type { LineageEvent } from './events.ts';
import { after, imageOf, set } from './testing/states.ts';

/** A bake of a service, on `[name of the base, its image]`. */
const bake = (name: string, ...on: readonly (readonly [string, string])[]): LineageEvent => ({
  kind: 'bake.done',
  service: name as ServiceName,
  digest: imageOf(name),
  folder: `/srv/${name}`,
  builtOn: on.map(([base, image]) => ({ name: base, digest: imageOf(image) })),
});
const newer = (image: string, ...names: readonly string[]): LineageEvent => ({
  kind: 'packages.moved',
  service: image,
  image: imageOf(image),
  packages: names.map((name) => ({ name, from: '1', to: '2' })),
});
const moved = (...events: readonly LineageEvent[]): readonly unknown[] =>
  movedBases(after(...events))
    .filter(isMoved)
    .map(({ name, services, packages }) => [name, services, packages.map((each) => each.name)]);

test('a base has moved when its name means another image: what the channel holds, what the registry last said', () => {
  const baked = [
    bake('web', ['channel:base.stable', 'base'], ['node:20', 'node']),
    bake('api', ['channel:base.stable', 'base 2']),
    set('stable', 'base 2', { service: 'base' as ServiceName }),
  ];
  assert.deepEqual(moved(...baked), [['channel:base.stable', ['web'], []]]);
  const seen = (image: string): LineageEvent => ({ kind: 'base.moved', name: 'node:20', to: imageOf(image) });
  assert.deepEqual(moved(...baked, seen('node')), [['channel:base.stable', ['web'], []]]);
  assert.deepEqual(moved(...baked, seen('node'), seen('node 2')), [
    ['channel:base.stable', ['web'], []],
    ['node:20', ['web'], []],
  ]);
});

test('a base has moved when there are newer packages that a bake would take: of Debian all, of others what was added', () => {
  const on = [bake('web', ['debian:bookworm', 'debian']), bake('api', ['debian:bookworm', 'debian'])];
  assert.deepEqual(moved(...on, newer('web', 'libssl3', 'nginx'), newer('api', 'libssl3')), [
    ['debian:bookworm', ['api', 'web'], ['libssl3', 'nginx']],
  ]);
  assert.deepEqual(moved(...on, newer('web', 'libssl3'), newer('web')), [], 'and no more once there are none');
  const foreign = bake('shop', ['node:20', 'node']);
  assert.deepEqual(moved(foreign, newer('shop', 'libssl3'), newer('node', 'libssl3')), [], 'what comes with the base is its own');
  assert.deepEqual(moved(foreign, newer('shop', 'libssl3', 'nginx'), newer('node', 'libssl3')), [
    ['node:20', ['shop'], ['nginx']],
  ]);
});

test('asked about are the newest images and the bases that are not made by their bakes, but none that a date holds', () => {
  const state = after(
    bake('web', ['debian:bookworm', 'debian']),
    bake('shop', ['node:20', 'node']),
    bake('old', ['debian:bookworm@20260101T000000Z', 'old debian']),
    bake('static'),
  );
  assert.deepEqual(
    [...imagesWithPackages(state)],
    [
      [imageOf('web'), 'web'],
      [imageOf('shop'), 'shop'],
      [imageOf('node'), 'node:20'],
    ],
  );
});
