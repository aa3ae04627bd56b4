import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Digest } from '../domain/digest.ts';
import type { ServiceName } from '../domain/ids.ts';
import { nextStep, planCascade } from './cascade.ts';
import type { StepResult } from './cascade-steps.ts';
import type { LineageEvent } from './events.ts';
import type { Parents } from './graph.ts';
import type { LineageState } from './state.ts';
import { after, imageOf } from './testing/states.ts';

/** A bake of a service of that name, on `[name of the base, its image]`. */
const bake = (name: string, ...on: readonly (readonly [string, string])[]): LineageEvent => ({
  kind: 'bake.done',
  service: (name.split(' ')[0] ?? '') as ServiceName,
  digest: imageOf(name),
  folder: `/srv/${name.split(' ')[0]}`,
  builtOn: on.map(([base, image]) => ({ name: base, digest: imageOf(image) })),
});

const parentsOf = ({ builtOn }: LineageState): Parents =>
  new Map([...builtOn].map(([image, bases]): [Digest, readonly Digest[]] => [image, bases.map(({ digest }) => digest)]));

const plan = (state: LineageState, ...roots: readonly string[]): ReturnType<typeof planCascade> =>
  planCascade(state, parentsOf(state), roots.map(imageOf));

test('three levels and 100 images: the exact affected set, each after what it stands on', () => {
  const events: LineageEvent[] = [bake('base', ['debian:bookworm', 'debian']), bake('apart', ['node:20', 'node'])];
  for (let index = 0; index < 9; index++) {
    const base = index < 6 ? 'base' : 'apart';
    events.push(bake(`runtime${index}`, [`channel:${base}.stable`, base]));
  }
  for (let index = 0; index < 89; index++)
    events.push(bake(`app${index}`, [`channel:runtime${index % 9}.stable`, `runtime${index % 9}`]));
  const state = after(...events);
  assert.equal(state.lines.size, 100);
  const steps = plan(state, 'base');
  const names = steps.map(({ service }) => service);
  const expected = [
    ...Array.from({ length: 6 }, (_, index) => `runtime${index}`),
    ...Array.from({ length: 89 }, (_, index) => index).flatMap((index) => (index % 9 < 6 ? [`app${index}`] : [])),
  ];
  assert.deepEqual(names.toSorted(), expected.toSorted());
  for (const [at, { after: before }] of steps.entries()) {
    for (const key of before) assert.ok(steps.findIndex((step) => step.key === key) < at);
  }
  assert.equal(
    steps.find(({ service }) => service === 'app7'),
    undefined,
  );
  assert.deepEqual(plan(state, 'debian').length, names.length + 1);
});

test('what stands on an older image of a line comes after the line all the same', () => {
  const state = after(
    bake('base'),
    bake('runtime', ['channel:base.stable', 'base']),
    bake('web', ['channel:runtime.stable', 'runtime']),
    bake('runtime 2', ['channel:base.stable', 'base']),
  );
  assert.deepEqual(
    plan(state, 'base').map(({ service, after: before }) => [service, before.length]),
    [
      ['runtime', 0],
      ['web', 1],
    ],
  );
});

test('a base that never moves is said, and so is what stands on itself', () => {
  const state = after(
    bake('web', ['image:base:1', 'base']),
    bake('api', ['node@sha256:1', 'base'], ['channel:base.stable', 'base']),
  );
  const [api, web] = plan(state, 'base');
  assert.equal(api?.stuck, null, 'one of its bases follows');
  assert.match(web?.stuck ?? '', /names image:base:1, which never moves/);

  const circle = after(
    bake('a', ['channel:x.y', 'base'], ['channel:b.c', 'b']),
    bake('b', ['channel:a.c', 'a']),
    bake('c', ['channel:x.y', 'base']),
  );
  assert.deepEqual(
    plan(circle, 'base').map(({ service, stuck }) => [service, stuck === null]),
    [
      ['c', true],
      ['a', false],
      ['b', false],
    ],
  );
});

test('a branch stops at its first failure, and others go on', () => {
  const state = after(
    bake('left', ['channel:base.stable', 'base']),
    bake('right', ['channel:base.stable', 'base']),
    bake('zleaf', ['channel:left.stable', 'left']),
    bake('ztwig', ['channel:right.stable', 'right']),
  );
  const steps = plan(state, 'base');
  const ended = new Map<string, StepResult>();
  const said: string[] = [];
  for (let next = nextStep(steps, ended); next !== null; next = nextStep(steps, ended)) {
    const { step, held } = next;
    const outcome = held !== null ? 'skipped' : step.service === 'left' ? 'failed' : 'made';
    said.push(`${step.service} ${outcome}`);
    ended.set(step.key, { key: step.key, outcome, image: null, why: held ?? '', moved: [] });
  }
  assert.deepEqual(said, ['left failed', 'right made', 'zleaf skipped', 'ztwig made']);
});
