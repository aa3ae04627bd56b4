/**
 * A cascade: everything that stands on a base is made again, in order, so that each is built on what was just made below it.
 * What is affected, in which order, and what stops a branch. Pure; the daemon bakes and moves the channels.
 */
import type { Digest } from '../domain/digest.ts';
import { channelsOf } from './channels.ts';
import type { CascadeStep, StepResult } from './cascade-steps.ts';
import { ancestorsOf, descendantsOf, type Parents } from './graph.ts';
import type { BuiltOn } from './events.ts';
import type { LineageState } from './state.ts';

/** In an order in which each comes after all that it stands on. */
export function planCascade(state: LineageState, parents: Parents, roots: Iterable<Digest>): readonly CascadeStep[] {
  const from = new Set(roots);
  const below = descendantsOf(from, parents);
  // A root that stands on another root is to be made again, too.
  const isBelow = (image: Digest): boolean =>
    below.has(image) || (from.has(image) && [...ancestorsOf(image, parents).keys()].some((each) => from.has(each)));
  const keys = new Set([...state.lines].filter(([, line]) => isBelow(line.image)).map(([key]) => key));
  const isTouched = (image: Digest): boolean => from.has(image) || below.has(image);
  const steps = [...keys].toSorted().map((key): CascadeStep => {
    const { service, folder, image } = state.lines.get(key) ?? missing(key);
    const above = [...ancestorsOf(image, parents).keys()].flatMap((each) => state.bakedBy.get(each) ?? []);
    const after = [...new Set(above)].filter((other) => other !== key && keys.has(other)).toSorted();
    const touched = (state.builtOn.get(image) ?? []).filter(({ digest }) => isTouched(digest));
    return { key, service, folder, image, after, channels: channelsOf(state, image), stuck: pinned(touched) };
  });
  return inOrder(steps);
}

/** Bases that are read afresh by `kiln bake --update`; others name one image for ever. */
const follows = ({ name }: BuiltOn): boolean => !/^(image:|oci:)/.test(name) && !name.includes('@');

/** Why what stands on all of these cannot follow them; null: it can. */
export function pinned(touched: readonly BuiltOn[]): string | null {
  const [first] = touched;
  if (first === undefined || touched.some(follows)) return null;
  return `its kiln.yaml names ${first.name}, which never moves; to follow, name a channel (channel:SERVICE.CHANNEL) or a tag of a registry`;
}

/** Each after all that it stands on; those that stand on themselves, over however many others, are stuck. */
export function inOrder(steps: readonly CascadeStep[]): readonly CascadeStep[] {
  const done = new Set<string>();
  const ordered: CascadeStep[] = [];
  let left = steps;
  while (left.length > 0) {
    const ready = left.filter(({ after }) => after.every((key) => done.has(key)));
    const next = ready.length > 0 ? ready : circlesIn(left);
    for (const { key } of next) done.add(key);
    ordered.push(...next);
    left = left.filter(({ key }) => !done.has(key));
  }
  return ordered;
}

/** Never empty where each of the steps stands on one of them. */
function circlesIn(steps: readonly CascadeStep[]): readonly CascadeStep[] {
  const after = new Map(steps.map((step) => [step.key, step.after]));
  const standsOnItself = ({ key }: CascadeStep): boolean => {
    const seen = new Set(after.get(key));
    for (const each of seen) for (const below of after.get(each) ?? []) seen.add(below);
    return seen.has(key);
  };
  return steps.filter(standsOnItself).map((step) => ({ ...step, stuck: 'it stands on itself, over others' }));
}

/** The first step that is neither done nor held up, with what to say of those that are held up; null: all have ended. */
export function nextStep(
  steps: readonly CascadeStep[],
  ended: ReadonlyMap<string, StepResult>,
): { readonly step: CascadeStep; readonly held: string | null } | null {
  const step = steps.find(({ key }) => !ended.has(key));
  if (step === undefined) return null;
  const broken = step.after.find((key) => ['failed', 'stuck', 'skipped'].includes(ended.get(key)?.outcome ?? ''));
  const name = steps.find(({ key }) => key === broken)?.service;
  return { step, held: broken === undefined ? null : `${name ?? 'what it stands on'} was not made again` };
}

function missing(key: string): never {
  throw new RangeError(`no line ${key}`);
}
