/** What a step of a canary gives it. Each step adds to what the steps before it gave. Pure. */
import type { CanaryStep, Strategy } from '../../domain/release.ts';
import type { ClientKey, Match } from '../../domain/requests.ts';
import type { GroupId } from '../../domain/ids.ts';
import type { CanaryRule } from '../../engines/engine.ts';

export type Canary = Extract<Strategy, { kind: 'canary' }>;

const ALL = 10_000;

/** How many instances it takes by then: no step makes do with fewer than one before it. */
export const instancesAt = ({ steps }: Pick<Canary, 'steps'>, number: number, size: number): number =>
  Math.max(...steps.slice(0, number + 1).map((step) => instancesOf(step, size)));

/** A share of the fleet as large as that of the traffic, or as many as were asked for. */
function instancesOf(step: CanaryStep, size: number): number {
  const wanted = 'instances' in step ? step.instances : Math.ceil((size * ('weight' in step ? step.weight : step.mirror)) / ALL);
  return Math.max(1, Math.min(size, wanted));
}

/** Basis points of the traffic: of the newest step that gave a share. So many instances beside the fleet carry as much each. */
export function weightAt({ steps }: Pick<Canary, 'steps'>, number: number, size: number): number {
  const step = steps.slice(0, number + 1).findLast((each) => isShare(each));
  if (step === undefined) return 0;
  if ('weight' in step) return step.weight;
  const instances = instancesOf(step, size);
  return Math.floor((ALL * instances) / (size + instances));
}

const isShare = (step: CanaryStep): boolean => 'weight' in step || !('when' in step || 'mirror' in step);

/** What it gets besides its weight. Who matched an earlier step stays with it: nobody is moved back before the end. */
export function ruleAt({ steps, sticky }: Canary, number: number, group: GroupId): CanaryRule | null {
  const step = steps[number];
  const reached = steps.slice(0, number + 1);
  const matches = reached.flatMap((each) => ('when' in each ? [each.when] : []));
  const mirror = step !== undefined && 'mirror' in step ? step.mirror : 0;
  const byClient = reached.some(isShare) ? (sticky ?? null) : null;
  return byClient === null && matches.length === 0 && mirror === 0 ? null : { group, sticky: byClient, matches, mirror };
}

/** "at 5 %", "with 1 instance", "for the header X-Canary: yes", "on a copy of 10 %". */
export function stepText(step: CanaryStep): string {
  if ('weight' in step) return `at ${step.weight / 100} %`;
  if ('mirror' in step) return `on a copy of ${step.mirror / 100} %`;
  if (!('when' in step)) return `with ${step.instances} ${step.instances === 1 ? 'instance' : 'instances'}`;
  return `for ${matchText(step.when)}`;
}

/** "the header X-Canary: yes" */
export const matchText = ({ in: place, name, is }: Match): string => `the ${place} ${name}${is === null ? '' : `: ${is}`}`;

export const stickyText = (key: ClientKey): string => (key.by === 'header' ? `the header ${key.name}` : key.by);

export type StepKind = 'weight' | 'instances' | 'match' | 'mirror';

export function stepKind(step: CanaryStep): StepKind {
  if ('weight' in step) return 'weight';
  if ('mirror' in step) return 'mirror';
  return 'when' in step ? 'match' : 'instances';
}
