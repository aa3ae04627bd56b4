import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import type { Digest } from '../domain/digest.ts';
import { planRetention, type RetentionInput, type RetentionPolicy } from './retention.ts';
import type { Channel } from './state.ts';
import { after, imageOf, set } from './testing/states.ts';

const HISTORIES = 10_000;
const POOL = 24;
const at = (index: number): Digest => imageOf(`image ${index % POOL}`);

const policy: fc.Arbitrary<RetentionPolicy> = fc.record({
  keep: fc.nat(3),
  keepOfChannel: fc.nat(3),
  youngMs: fc.constantFrom(0, 5000, 1e6),
  launchedMs: fc.constantFrom(0, 5000, 1e6),
  trashMs: fc.constant(0),
});

/** A history: images come, are built on one another (in circles, too), launched, put into channels; fleets use some of them. */
const history = fc.record({
  images: fc.array(
    fc.record({
      image: fc.nat(POOL - 1),
      name: fc.constantFrom('web', 'api', ''),
      storedAt: fc.nat(20_000),
      damaged: fc.boolean(),
    }),
    { maxLength: 20 },
  ),
  parents: fc.array(fc.tuple(fc.nat(POOL - 1), fc.array(fc.nat(POOL - 1), { maxLength: 3 })), { maxLength: 30 }),
  moves: fc.array(fc.tuple(fc.constantFrom('staging', 'production'), fc.nat(POOL - 1)), { maxLength: 12 }),
  inUse: fc.array(fc.nat(POOL - 1), { maxLength: 5 }),
  launched: fc.array(fc.tuple(fc.nat(POOL - 1), fc.nat(20_000)), { maxLength: 8 }),
  policy,
});

function inputOf(drawn: typeof history extends fc.Arbitrary<infer T> ? T : never, damage: boolean): RetentionInput {
  const images = new Map(
    drawn.images.map(({ image, name, storedAt, damaged }, index) => [
      at(image),
      { digest: at(image), tags: name === '' ? [] : [`${name}:${index}`], storedAt, damaged: damage && damaged },
    ]),
  );
  return {
    images: [...images.values()],
    inUse: drawn.inUse.map((image) => [at(image), 'serves web.local'] as const),
    channels: after(...drawn.moves.map(([channel, image]) => set(channel, `image ${image}`))).channels.values(),
    launched: new Map(drawn.launched.map(([image, time]) => [at(image), time])),
    parents: new Map(drawn.parents.map(([image, above]) => [at(image), above.map(at)])),
    policy: drawn.policy,
    now: 20_000,
  };
}

/** What must never go, said apart from the code under test: by walking up from each until nothing new is found. */
function protectedBy(
  { inUse, parents, policy: { keepOfChannel } }: RetentionInput,
  channels: readonly Channel[],
): ReadonlySet<Digest> {
  const found = new Set<Digest>(inUse.map(([image]) => image));
  for (const { image, trail } of channels) {
    found.add(image);
    for (const back of trail.toReversed().slice(0, keepOfChannel)) found.add(back);
  }
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const image of Array.from(found)) for (const parent of parents.get(image) ?? []) found.add(parent);
  }
  return found;
}

test(`in ${HISTORIES} histories nothing goes that runs, is in a channel, is a way back, or that one of these was built on`, (t) => {
  const seed = Math.trunc(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  let went = 0;
  fc.assert(
    fc.property(history, fc.boolean(), (drawn, damage) => {
      const input = inputOf(drawn, damage);
      const channels = [...input.channels];
      const verdicts = planRetention({ ...input, channels });
      const kept = protectedBy(input, channels);
      const gone = verdicts.filter(({ stays }) => stays.length === 0).map(({ image }) => image);
      went += gone.length;
      assert.deepEqual(
        gone.filter((image) => kept.has(image)),
        [],
      );
      assert.equal(verdicts.length, input.images.length, 'each image has its verdict');
    }),
    { seed, numRuns: HISTORIES },
  );
  assert.ok(went > HISTORIES / 10, `something goes at all: ${went}`);
});

const DAY = 86_400_000;
const image = (name: string, tags: readonly string[], daysAgo: number): RetentionInput['images'][number] => ({
  digest: imageOf(name),
  tags,
  storedAt: 100 * DAY - daysAgo * DAY,
  damaged: false,
});
const plain: RetentionInput = {
  images: [image('a', ['web:1'], 9), image('b', ['web:2'], 8), image('c', ['web:3', 'api:1'], 7), image('d', [], 6)],
  inUse: [],
  channels: [],
  launched: new Map(),
  parents: new Map(),
  policy: { keep: 1, keepOfChannel: 1, youngMs: 0, launchedMs: 0, trashMs: 0 },
  now: 100 * DAY,
};
const stay = (change: Partial<RetentionInput>): Record<string, readonly string[]> =>
  Object.fromEntries(
    planRetention({ ...plain, ...change }).flatMap(({ image: digest, stays }) => {
      const name = ['a', 'b', 'c', 'd'].find((each) => imageOf(each) === digest) ?? '?';
      return stays.length === 0 ? [] : [[name, stays]];
    }),
  );

test('by count, age, last launch, channel: each image that stays says why', () => {
  const newest = 'among the newest 1 of web';
  assert.deepEqual(stay({}), { c: [newest, 'among the newest 1 of api'] });
  assert.deepEqual(Object.keys(stay({ policy: { ...plain.policy, youngMs: 7.5 * DAY } })), ['c', 'd']);
  const launched = new Map([[imageOf('a'), 99 * DAY]]);
  assert.deepEqual(stay({ launched, policy: { ...plain.policy, launchedMs: 2 * DAY } })['a'], ['launched not long ago']);
  assert.equal(stay({ launched, policy: { ...plain.policy, launchedMs: DAY } })['a'], undefined);
  const { channels } = after(set('production', 'a'), set('production', 'b'), set('production', 'd'));
  assert.deepEqual(stay({ channels: channels.values() }), {
    b: ['a way back of web.production'],
    c: [newest, 'among the newest 1 of api'],
    d: ['held by web.production'],
  });
  const parents = new Map([[imageOf('c'), [imageOf('d')]]]);
  assert.match(stay({ parents })['d']?.[0] ?? '', /^[0-9a-f]{8} was built on it$/);
});

test('nothing goes while one that stays is damaged: it may have been built on any', () => {
  const damaged = plain.images.map((each) => (each.tags.length === 2 ? { ...each, damaged: true } : each));
  assert.deepEqual(Object.keys(stay({ images: damaged })), ['a', 'b', 'c', 'd']);
});
