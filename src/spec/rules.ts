/** What the schema can't say because it spans keys or sections. Each rule answers every breach, with what to change. */
import { nearest } from './nearest.ts';
import { contradictionIn, resolveInstances } from './instances.ts';
import { environmentOf } from './environment.ts';
import { isReferencedFile, isVariable, secretPath } from './references.ts';
import type { RecipeSpec, StageSpec } from './schema/image.ts';
import type { LaunchEnvSpec, SecretsSpec } from './schema/references.ts';
import { CANARY_KEYS, ROLLING_KEYS, type ReplaceSpec } from './schema/replace.ts';
import type { Spec } from './schema/spec.ts';
import type { Path } from './source.ts';
import { lateMirror, splitConflict, standstill, strategyOf, writerConflict } from './strategy.ts';
import { doubleName, secondWriter } from './tasks.ts';
import { ageConflict, scaleConflict, strategyIn } from './upkeep.ts';

export interface Breach {
  readonly path: Path;
  readonly text: string;
}

/** A breach where there is a text; nothing where it is null. */
const breach = (path: Path, text: string | null): readonly Breach[] => (text === null ? [] : [{ path, text }]);

export const breachesOf = (spec: Spec): readonly Breach[] => [
  ...('dockerfile' in spec.image ? [] : stageBreaches(spec.image)),
  ...mountBreaches(spec),
  ...valueBreaches(spec),
  ...instanceBreaches(spec),
  ...replaceBreaches(spec),
  ...channelBreaches(spec),
  ...Object.keys(spec.environments).flatMap((name) => environmentBreaches(spec, name)),
];

/** The name of the stage that becomes the image. No other may have it. */
export const FINAL_STAGE = 'image';

function stageBreaches(image: RecipeSpec): readonly Breach[] {
  const names = Object.keys(image.stages);
  const earlier = names.flatMap((name, index) => {
    const path = ['image', 'stages', name];
    const stage = image.stages[name];
    if (stage === undefined) return [];
    const from = stage.from ?? image.from;
    const baseless = stage.from === undefined && image.from.kind === 'stage';
    return [
      ...breach(path, name === FINAL_STAGE ? `"${FINAL_STAGE}" is the name of the last stage; choose another` : null),
      ...breach(path, baseless ? "needs a from of its own: the image's is a stage" : null),
      ...(baseless ? [] : sourceBreaches({ ...stage, from }, path, names.slice(0, index), names)),
    ];
  });
  return [...earlier, ...sourceBreaches(image, ['image'], names, names)];
}

type Sources = Pick<StageSpec, 'files' | 'packages'> & { readonly from: RecipeSpec['from'] };

/** A stage takes from stages before it only: then the order of the file is the order of the bake. */
function sourceBreaches(stage: Sources, path: Path, before: readonly string[], all: readonly string[]): readonly Breach[] {
  const items = Array.isArray(stage.files) ? stage.files : [];
  const taken = [
    ...(stage.from.kind === 'stage' ? [{ name: stage.from.stage, path: [...path, 'from'] }] : []),
    ...items.flatMap((item, index) =>
      item.from !== undefined && 'stage' in item.from ? [{ name: item.from.stage, path: [...path, 'files', index, 'from'] }] : [],
    ),
  ];
  const bare = stage.from.kind === 'scratch' && stage.packages.length > 0;
  return [
    ...taken.flatMap((stageUse) => breach(stageUse.path, wrongStage(stageUse.name, before, all))),
    ...breach(
      [...path, 'packages'],
      bare ? 'scratch has no package manager; use from: debian:bookworm, or leave packages out' : null,
    ),
  ];
}

function wrongStage(name: string, before: readonly string[], all: readonly string[]): string | null {
  if (before.includes(name)) return null;
  if (all.includes(name)) return `the stage ${name} comes later; a stage can use only those before it`;
  const meant = nearest(name, before);
  if (meant !== null) return `there is no stage ${name}; did you mean "stage:${meant}"?`;
  return `there is no stage ${name}; ${before.length === 0 ? 'no stage comes before' : `there are ${before.join(', ')}`}`;
}

/** Mounts there would hide what the runtime has put in place. */
const KERNEL_FOLDERS = ['/proc', '/sys', '/dev'];
const isKernels = (path: string): boolean =>
  path !== '/dev/shm' && KERNEL_FOLDERS.some((folder) => path === folder || path.startsWith(`${folder}/`));

function mountBreaches({ run }: Spec): readonly Breach[] {
  const mounts = [
    ...Object.keys(run.files).map((target) => ({ path: ['run', 'files', target], target })),
    ...Object.entries(run.secrets)
      .filter(([, secret]) => !isVariable(secret))
      .map(([name]) => ({ path: ['run', 'secrets', name], target: secretPath(name) })),
    ...run.scratch.map((scratch, index) => ({
      path: ['run', 'scratch', index],
      target: typeof scratch === 'string' ? scratch : scratch.path,
    })),
    ...Object.entries(run.volumes).map(([name, volume]) => ({
      path: ['run', 'volumes', name],
      target: typeof volume === 'string' ? volume : volume.path,
    })),
  ];
  return mounts.flatMap(({ path, target }, index) => {
    const taken = mounts.slice(0, index).some((other) => other.target === target);
    return [
      ...breach(path, taken ? `${target} is mounted twice: a path takes one of files, secrets, scratch and volumes` : null),
      ...breach(path, isKernels(target) ? `${target} belongs to the kernel's file systems; mount it elsewhere` : null),
    ];
  });
}

/** A variable has one value; a test value is for what is kept elsewhere. */
function valueBreaches({ run, environments }: Spec): readonly Breach[] {
  const levels = [
    { at: ['run'], ...run },
    ...Object.entries(environments).map(([name, said]) => ({ at: ['environments', name], ...said })),
  ];
  return [
    ...levels.flatMap(({ at, env = {}, secrets = {} }) =>
      twiceNamed(env, secrets).map((name) => ({
        path: [...at, 'secrets', name],
        text: `the variable ${name} is under env, too: leave it out there, or write { from: …, as: file } here`,
      })),
    ),
    ...Object.entries(run.files).flatMap(([path, file]) =>
      typeof file !== 'string' && file.test !== undefined && !isReferencedFile(file)
        ? [{ path: ['run', 'files', path, 'test'], text: 'only a file whose `from` is a reference has a test value' }]
        : [],
    ),
  ];
}

const twiceNamed = (env: LaunchEnvSpec, secrets: SecretsSpec): readonly string[] =>
  Object.entries(secrets).flatMap(([name, secret]) => (isVariable(secret) && Object.hasOwn(env, name) ? [name] : []));

const instanceBreaches = (spec: Spec): readonly Breach[] => [
  ...breach(['run', 'instances'], contradictionIn(spec.run.instances)),
  ...Object.entries(spec.environments).flatMap(([name, said]) =>
    breach(['environments', name, 'instances'], contradictionIn(said.instances)),
  ),
];

function replaceBreaches(spec: Spec): readonly Breach[] {
  const { desired } = resolveInstances(spec.run.instances);
  return [
    ...strayKeys(spec.replace, ['replace']),
    ...lateMirrors(spec.replace, ['replace']),
    ...breach(
      ['replace', 'strategy'],
      spec.replace.strategy === undefined ? null : writerConflict(spec.replace.strategy, spec.run),
    ),
    ...taskBreaches(spec.replace, spec.replace, spec, ['replace']),
    ...breach(['replace'], standstill(strategyOf(spec.replace, spec.run, desired), desired)),
  ];
}

const TASK_KEYS = ['before', 'tests', 'approve', 'webhooks'] as const;

/** `replace`: all that holds; `said`: what of it is written at the path. */
function taskBreaches(replace: Omit<ReplaceSpec, 'preview'>, said: SaidOfReplace, { run }: Spec, path: Path): readonly Breach[] {
  if (TASK_KEYS.every((key) => said[key] === undefined)) return [];
  const double = doubleName(replace);
  const points = replace.approve.map(({ at }) => at);
  const isTwice = points.length > new Set(points).size;
  return [
    ...breach(path, double === null || isTwice ? null : `two tasks have the name ${double}`),
    ...breach([...path, 'approve'], isTwice && said.approve !== undefined ? 'the same point is named twice' : null),
    ...breach([...path, 'tests'], said.tests === undefined ? null : secondWriter(replace, run)),
  ];
}

type SaidOfReplace = { readonly [K in keyof ReplaceSpec]?: ReplaceSpec[K] | undefined };

/** What only another strategy reads would be ignored. */
function strayKeys(said: SaidOfReplace, path: Path): readonly Breach[] {
  const { strategy } = said;
  const owners = [['rolling', ROLLING_KEYS] as const, ['canary', CANARY_KEYS] as const];
  return owners
    .filter(([owner]) => strategy !== undefined && strategy !== owner)
    .flatMap(([owner, keys]) =>
      keys
        .filter((key) => said[key] !== undefined)
        .map((key) => ({
          path: [...path, key],
          text: `only the ${owner} strategy reads it, and the strategy here is ${strategy}`,
        })),
    );
}

function lateMirrors({ steps }: SaidOfReplace, path: Path): readonly Breach[] {
  const late = lateMirror(steps);
  return breach(
    [...path, 'steps', ...(late === null ? [] : [late])],
    late === null ? null : 'a mirror gets no traffic, and a step before it gives some; put mirrors first',
  );
}

/** A channel that waits for itself, over however many others, would never take an image. */
function channelBreaches({ channels }: Spec): readonly Breach[] {
  return Object.keys(channels).flatMap((name) => {
    const seen = new Set<string>();
    for (let at: string | undefined = name; at !== undefined && !seen.has(at);) {
      seen.add(at);
      at = Object.hasOwn(channels, at) ? channels[at]?.after : undefined;
      if (at === name)
        return breach(['channels', name, 'after'], `${[...seen, name].join(' after ')}: no image could ever come first`);
    }
    return [];
  });
}

function environmentBreaches(spec: Spec, name: string): readonly Breach[] {
  const path = ['environments', name];
  const said = spec.environments[name];
  const environment = environmentOf(spec, name);
  const { listen, preview, replace, instances } = environment;
  const same = listen !== null && preview !== null && listen.port === preview.port && listen.host === preview.host;
  const differs = said?.replace !== undefined || said?.instances !== undefined;
  const halted = differs ? standstill(strategyOf(replace, spec.run, instances.desired), instances.desired) : null;
  const chosen = said?.replace?.strategy;
  return [
    ...strayKeys(said?.replace ?? {}, [...path, 'replace']),
    ...lateMirrors(said?.replace ?? {}, [...path, 'replace']),
    ...breach([...path, 'listen'], splitConflict(strategyOf(replace, spec.run, instances.desired).kind, listen !== null)),
    ...breach([...path, 'replace', 'strategy'], chosen === undefined ? null : writerConflict(chosen, spec.run)),
    ...breach([...path, 'replace'], halted),
    ...breach(['run', 'scale'], inEnvironment(name, scaleConflict(environment, spec.run.instances, said?.instances))),
    ...breach(['run', 'max-age'], inEnvironment(name, ageConflict(spec.run, strategyIn(environment)))),
    ...taskBreaches(replace, said?.replace ?? {}, spec, [...path, 'replace']),
    ...breach([...path, 'preview'], same ? 'the preview needs a port of its own: listen has the same' : null),
  ];
}

const inEnvironment = (name: string, text: string | null): string | null => (text === null ? null : `in ${name}: ${text}`);
