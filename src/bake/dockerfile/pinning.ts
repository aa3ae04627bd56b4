/**
 * Finds the images that a Dockerfile builds on and writes the file anew so that it can build on nothing else: each FROM, and
 * each `--from` that names an image, gets a name that only the bake's own storage knows.
 */
import { KilnError } from '../../errors/error.ts';
import { readInstructions, type Instruction } from './instructions.ts';

export interface DockerStage {
  readonly name: string | null;
  /** The image or the earlier stage that it starts from; null: scratch. */
  readonly image: string | null;
  readonly stage: DockerStage | null;
}

export interface Pinnable {
  readonly stages: readonly DockerStage[];
  /** Every image that is named, once. */
  readonly images: readonly string[];
  /** The file with the images replaced, and after each FROM an ARG for each of `args`, so that RUN sees its value. */
  rewrite(names: ReadonlyMap<string, string>, args: readonly string[]): string;
}

type Replacement = (names: ReadonlyMap<string, string>, args: readonly string[]) => string;

interface Reading {
  readonly stages: DockerStage[];
  readonly images: Set<string>;
  readonly variables: Map<string, string>;
  readonly given: Readonly<Record<string, string>>;
}

/** `given`: build arguments. CONFIG_INVALID where a FROM can't be read. */
export function readDockerfile(text: string, given: Readonly<Record<string, string>>): Pinnable {
  const lines = text.split(/\r?\n/);
  const reading: Reading = { stages: [], images: new Set(), variables: new Map(), given };
  const replacements: { readonly at: Instruction; readonly write: Replacement }[] = [];
  for (const at of readInstructions(text)) {
    if (at.keyword === 'ARG' && reading.stages.length === 0) readGlobalArgument(at.rest, reading);
    const write = at.keyword === 'FROM' ? readFrom(at, reading) : readSources(at, lines, reading);
    if (write !== null) replacements.push({ at, write });
  }
  if (reading.stages.length === 0) throw unreadable(1, 'it has no FROM');
  return {
    stages: reading.stages,
    images: [...reading.images],
    rewrite: (names, args) => {
      const written = [...lines];
      for (const { at, write } of replacements.toReversed()) written.splice(at.from, at.to - at.from, write(names, args));
      return written.join('\n');
    },
  };
}

function readGlobalArgument(rest: string, { variables, given }: Reading): void {
  for (const [, name = '', , value] of rest.matchAll(/([A-Za-z_]\w*)(=("[^"]*"|'[^']*'|\S*))?/g)) {
    const text = given[name] ?? value?.replace(/^(["'])(.*)\1$/, '$2');
    if (text !== undefined) variables.set(name, expand(text, variables));
  }
}

function readFrom(at: Instruction, { stages, images, variables }: Reading): Replacement {
  const match = /^((?:--\S+\s+)*)(\S+)(?:\s+as\s+(\S+))?\s*$/i.exec(at.rest);
  if (match === null) throw unreadable(at.from + 1, 'expected FROM IMAGE [AS NAME]');
  const [, flags = '', written = '', name = null] = match;
  refusePlatform(expand(flags, variables), at.from + 1);
  const source = expand(written, variables);
  if (source === '') throw unreadable(at.from + 1, `${written} is empty; give the argument a value`);
  const stage = stageNamed(source, stages);
  const image = stage !== null || source === 'scratch' ? null : source;
  stages.push({ name, image, stage });
  if (image !== null) images.add(image);
  return (names, args) => {
    const start = `FROM ${names.get(source) ?? source}${name === null ? '' : ` AS ${name}`}`;
    return [start, ...args.map((arg) => `ARG ${arg}`)].join('\n');
  };
}

/** `COPY --from=IMAGE` and `RUN --mount=…,from=IMAGE`. */
function readSources(at: Instruction, lines: readonly string[], { stages, images }: Reading): Replacement | null {
  const pattern = { COPY: /(--from=)(\S+)/g, ADD: /(--from=)(\S+)/g, RUN: /(--mount=\S*?\bfrom=)([^,\s]+)/g }[at.keyword];
  if (pattern === undefined) return null;
  const flags = /^(?:--\S+\s+)*/.exec(at.rest)?.[0] ?? '';
  const isImage = (source: string): boolean => !/^[0-9]+$/.test(source) && stageNamed(source, stages) === null;
  const found = [...flags.matchAll(pattern)].map(([, , source = '']) => source).filter(isImage);
  if (found.length === 0) return null;
  for (const source of found) images.add(source);
  const whole = lines.slice(at.from, at.to).join('\n');
  return (names) =>
    whole.replaceAll(pattern, (all, before: string, source: string) => {
      return isImage(source) ? `${before}${names.get(source) ?? source}` : all;
    });
}

const stageNamed = (name: string, stages: readonly DockerStage[]): DockerStage | null =>
  stages.findLast((stage) => stage.name?.toLowerCase() === name.toLowerCase()) ?? null;

/** `$NAME`, `${NAME}`, `${NAME:-otherwise}`, `${NAME:+instead}`. */
function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(
    /\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/g,
    (_all, plain?: string, braced?: string, sign?: string, word = '') => {
      const value = variables.get(plain ?? braced ?? '') ?? '';
      if (sign === '+') return value === '' ? '' : word;
      return value === '' && sign === '-' ? word : value;
    },
  );
}

/** Bases come for this machine's processor; an image for another can't be built on it. `$BUILDPLATFORM` is this machine. */
function refusePlatform(flags: string, line: number): void {
  const wanted = /--platform=(\S+)/.exec(flags)?.[1];
  const here = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;
  if (wanted === undefined || wanted === '' || wanted.split('/')[1] === here) return;
  throw unreadable(line, `it asks for ${wanted}, but this machine bakes for linux/${here}`);
}

function unreadable(line: number, why: string): KilnError {
  return new KilnError('CONFIG_INVALID', `the Dockerfile can't be baked: ${why} (line ${line})`, {
    hint: 'mend the Dockerfile; `docker build` would refuse it as well, or build for another machine',
  });
}
