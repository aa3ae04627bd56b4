/** The affected set and its order over random lineages, against an answer by brute force. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import type { Digest } from '../domain/digest.ts';
import type { ServiceName } from '../domain/ids.ts';
import { nextStep, planCascade } from './cascade.ts';
import type { CascadeStep, StepResult } from './cascade-steps.ts';
import type { LineageEvent } from './events.ts';
import type { LineageState } from './state.ts';
import { after, imageOf } from './testing/states.ts';

const RUNS = 3000;
const SERVICES = 8;

/** A bake: of which service, and the places in the history of the bakes that it stands on; with none, it stands on nothing. */
interface Bake {
  readonly service: number;
  readonly on: readonly number[];
}

const bakes = fc.array(fc.record({ service: fc.nat(SERVICES - 1), on: fc.array(fc.nat(), { maxLength: 3 }) }), {
  minLength: 1,
  maxLength: 30,
});
const roots = fc.array(fc.nat(), { minLength: 1, maxLength: 3 });

type Edges = ReadonlyMap<Digest, readonly Digest[]>;

interface World {
  readonly state: LineageState;
  readonly edges: Edges;
}

/**
 * Services stand on services before them. `circular`: on any, even in what was baked later, as an image that a stranger has
 * pushed may claim.
 */
function worldOf(drawn: readonly Bake[], circular: boolean): World {
  const built = drawn.map(({ service, on }, index): readonly number[] => {
    const possible = [...drawn.keys()].filter((each) => circular || (each < index && (drawn[each]?.service ?? 0) < service));
    return possible.length === 0 ? [] : [...new Set(on.map((each) => possible[each % possible.length] ?? 0))];
  });
  const events = drawn.map(({ service }, index): LineageEvent => ({
    kind: 'bake.done',
    service: `s${service}` as ServiceName,
    folder: `/srv/s${service}`,
    digest: imageOf(String(index)),
    builtOn: (built[index] ?? []).map((base) => ({ name: 'channel:x.y', digest: imageOf(String(base)) })),
  }));
  return {
    state: after(...events),
    edges: new Map(built.map((on, index) => [imageOf(String(index)), on.map((each) => imageOf(String(each)))])),
  };
}

/** Everything that an image stands on, by adding to the set until nothing is added any more. */
function below(image: Digest, edges: Edges): ReadonlySet<Digest> {
  const found = new Set(edges.get(image));
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const each of Array.from(found)) for (const next of edges.get(each) ?? []) found.add(next);
  }
  return found;
}

/** The lines that stand on a root, with the lines that each of them stands on. */
function byBruteForce({ state, edges }: World, from: ReadonlySet<Digest>): ReadonlyMap<string, ReadonlySet<string>> {
  const lines = [...state.lines].filter(([, { image }]) =>
    [...below(image, edges)].some((each) => from.has(each) && each !== image),
  );
  const keys = new Set(lines.map(([key]) => key));
  const linesBelow = (image: Digest): readonly string[] =>
    [...below(image, edges)].flatMap((each) => state.bakedBy.get(each) ?? []);
  return new Map(
    lines.map(([key, { image }]) => [key, new Set(linesBelow(image).filter((each) => keys.has(each) && each !== key))]),
  );
}

const planned = ({ state, edges }: World, from: ReadonlySet<Digest>): readonly CascadeStep[] => planCascade(state, edges, from);

/** The steps that are tried when each that is tried succeeds. */
function tried(steps: readonly CascadeStep[]): readonly string[] {
  const ended = new Map<string, StepResult>();
  const keys: string[] = [];
  for (let next = nextStep(steps, ended); next !== null; next = nextStep(steps, ended)) {
    const { step, held } = next;
    const outcome = held !== null ? 'skipped' : step.stuck !== null ? 'stuck' : 'made';
    if (outcome === 'made') keys.push(step.key);
    ended.set(step.key, { key: step.key, outcome, image: null, why: '', moved: [] });
  }
  assert.equal(ended.size, steps.length, 'every step ends');
  return keys;
}

function checked(drawn: readonly Bake[], from: readonly number[], circular: boolean): number {
  const world = worldOf(drawn, circular);
  const chosen = new Set(from.map((each) => imageOf(String(each % drawn.length))));
  const expected = byBruteForce(world, chosen);
  const steps = planned(world, chosen);
  const order = steps.map(({ key }) => key);
  assert.deepEqual(order.toSorted(), [...expected.keys()].toSorted(), 'exactly those that stand on a root, each once');
  for (const { key, after: before } of steps) {
    assert.deepEqual(before, [...(expected.get(key) ?? [])].toSorted());
    if (!circular) for (const each of before) assert.ok(order.indexOf(each) < order.indexOf(key), 'after all that it stands on');
  }
  const made = tried(steps);
  for (const [at, key] of made.entries()) {
    for (const each of expected.get(key) ?? []) assert.ok(made.slice(0, at).includes(each), 'what it stands on was made before');
  }
  if (!circular) assert.equal(made.length, steps.length, 'nothing is stuck');
  return steps.length;
}

test(`over ${RUNS} lineages a cascade has exactly what stands on its roots, each after all that it stands on`, (t) => {
  const seed = Math.trunc(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  let steps = 0;
  fc.assert(
    fc.property(bakes, roots, (drawn, from) => void (steps += checked(drawn, from, false))),
    { seed, numRuns: RUNS },
  );
  assert.ok(steps > RUNS / 10, `there is something to plan at all: ${steps}`);
});

test(`over ${RUNS} lineages with circles the set is as exact, every step ends, and none is tried before what it stands on`, (t) => {
  const seed = Math.trunc(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  fc.assert(
    fc.property(bakes, roots, (drawn, from) => void checked(drawn, from, true)),
    { seed, numRuns: RUNS },
  );
});
