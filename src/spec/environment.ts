/** An environment with everything that holds in it: the file's `run` and `replace`, and over them what the environment says. */
import type { EnvironmentName } from '../domain/ids.ts';
import type { Strategy } from '../domain/release.ts';
import { KilnError } from '../errors/error.ts';
import type { Freeze } from './calendar.ts';
import { type Instances, resolveInstances } from './instances.ts';
import { nearest } from './nearest.ts';
import { overlaid } from './references.ts';
import type { Demand } from './schema/demand.ts';
import type { ReplaceSpec } from './schema/replace.ts';
import type { RunSpec } from './schema/run.ts';
import type { EnvironmentSpec, Spec } from './schema/spec.ts';
import { splitConflict, writerConflict } from './strategy.ts';
import type { Listen } from './units.ts';

export interface ResolvedEnvironment {
  readonly name: EnvironmentName;
  readonly engine: EnvironmentSpec['engine'];
  readonly instances: Instances;
  readonly listen: Listen | null;
  readonly preview: Listen | null;
  /** Whose image is deployed; null: the recipe is baked. */
  readonly channel: string | null;
  /** What must be attached to an image; null: nothing. */
  readonly demand: Demand | null;
  /** When nothing new is deployed there. */
  readonly freezes: readonly Freeze[];
  /** The file's, with the environment's `env`, `secrets`, `limits` and `logs` in it. */
  readonly run: Omit<RunSpec, 'instances'>;
  readonly replace: Omit<ReplaceSpec, 'preview'>;
}

/** Null: the only one, or `local`. Throws NOT_FOUND for a name that is not in the file, USAGE where one has to be chosen. */
export function environmentOf(spec: Spec, name: string | null): ResolvedEnvironment {
  const chosen = name ?? defaultName(spec);
  const said = Object.hasOwn(spec.environments, chosen) ? spec.environments[chosen] : undefined;
  if (said === undefined) throw unknown(spec, chosen);
  const { instances, ...run } = spec.run;
  const { preview, ...replace } = spec.replace;
  return {
    name: chosen as EnvironmentName,
    engine: said.engine,
    instances: resolveInstances(instances, said.instances),
    listen: said.listen ?? null,
    preview: said.preview ?? preview ?? null,
    channel: said.channel ?? null,
    demand: said.demand ?? null,
    freezes: said.freeze,
    run: { ...run, ...overlaid(run, said), limits: over(run.limits, said.limits), logs: over(run.logs, said.logs) },
    replace: over(replace, said.replace),
  };
}

function defaultName(spec: Spec): string {
  const names = Object.keys(spec.environments);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  if (names.includes('local')) return 'local';
  throw new KilnError('USAGE', `${spec.service} has the environments ${names.join(', ')}, and none was named`, {
    hint: `name one: --env ${only}`,
  });
}

function unknown(spec: Spec, name: string): KilnError {
  const names = Object.keys(spec.environments);
  const meant = nearest(name, names);
  return new KilnError('NOT_FOUND', `${spec.service} has no environment "${name}"; it has ${names.join(', ')}`, {
    hint:
      meant === null ? 'name one of them with --env, or add it under environments: in kiln.yaml' : `did you mean --env ${meant}?`,
  });
}

type Changes<B> = { readonly [K in keyof B]?: B[K] | undefined };

/** Key by key; a key that the changes leave out stays. */
function over<B extends object>(base: B, changes: Changes<B> | undefined): B {
  const given = Object.entries(changes ?? {}).filter(([, value]) => value !== undefined);
  return { ...base, ...(Object.fromEntries(given) as Partial<B>) };
}

const STRATEGIES = ['rolling', 'blue-green', 'canary', 'recreate'] as const satisfies readonly Strategy['kind'][];

/** The environment with another strategy (`kiln deploy --strategy`). Throws USAGE where it isn't one, or can't be used here. */
export function withStrategy(environment: ResolvedEnvironment, name: string): ResolvedEnvironment {
  const strategy = STRATEGIES.find((kind) => kind === name);
  if (strategy === undefined) {
    const meant = nearest(name, STRATEGIES);
    throw new KilnError('USAGE', `"${name}" is not a strategy; there are ${STRATEGIES.join(', ')}`, {
      hint: meant === null ? 'name one of them' : `did you mean ${meant}?`,
    });
  }
  const conflict = writerConflict(strategy, environment.run) ?? splitConflict(strategy, environment.listen !== null);
  if (conflict !== null) throw new KilnError('USAGE', conflict, { hint: 'deploy without --strategy' });
  return { ...environment, replace: { ...environment.replace, strategy } };
}
