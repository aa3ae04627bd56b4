/**
 * Packer templates as recipes. This folder owns the reading of HCL2 and JSON templates and what becomes of each part; it runs
 * no command, reads no file outside the template's folder unless told to, and writes nothing: who calls it does.
 * What has no counterpart is an error with its line; nothing is dropped in silence.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { KilnError } from '../errors/error.ts';
import { readBase } from '../spec/base.ts';
import { parseSpec } from '../spec/parse.ts';
import { Draft, type NeededFile } from './draft.ts';
import { TemplateFiles } from './files.ts';
import { openHcl } from './hcl-template.ts';
import { openJson } from './json-template.ts';
import { MOST_FILE_BYTES } from './limits.ts';
import { Notices, type Opening, type SourceText } from './opening.ts';
import { bakeOptions } from './post-processors.ts';
import { Problems } from './problems.ts';
import { recipeText } from './recipe-text.ts';
import { sourceImage } from './sources.ts';
import { translate } from './steps/provisioners.ts';
import { isReplaced, isWhole, type Notice, type Section, type Steps, type Target, type Template } from './template.ts';

export interface ImportOptions {
  /** A template, or a folder of *.pkr.hcl files. Absolute. */
  readonly path: string;
  /** What stands for a source: by `amazon-ebs.app`, its name or its type. */
  readonly bases: ReadonlyMap<string, string>;
  /** What stands for a machine in a cloud that `bases` does not name; absent: it is a problem. */
  readonly defaultBase?: string;
  readonly values: ReadonlyMap<string, string>;
  /** Absolute paths. */
  readonly valueFiles: readonly string[];
  readonly only: readonly string[];
  readonly except: readonly string[];
  readonly allowOutside: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: number;
}

export interface ImportedRecipe {
  /** kiln.yaml as text: valid, and the same for the same template. */
  readonly text: string;
  readonly service: string;
  /** The template's folder: where `named` files are. */
  readonly folder: string;
  readonly files: readonly NeededFile[];
  readonly notices: readonly Notice[];
  /** Whether it is known which program an instance starts. */
  readonly starts: boolean;
  /** Words to put behind `kiln bake DIR`. */
  readonly bakeOptions: readonly string[];
}

/** Throws TEMPLATE_INVALID with all problems, USAGE for what the command line asks for, FILE_UNREADABLE. */
export function importPacker(options: ImportOptions): ImportedRecipe {
  const { folder, texts } = readTemplate(options.path);
  const problems = new Problems();
  const notices = new Notices();
  const files = new TemplateFiles(folder, options.allowOutside);
  const opening: Opening = {
    files,
    problems,
    notices,
    values: options.values,
    valueFiles: [...automatic(folder, options.path), ...options.valueFiles].map((path) => readSource(path, basename(path))),
    env: options.env,
    nowMs: options.nowMs,
  };
  const template =
    texts[0]?.name.endsWith('.hcl') === true ? openHcl(texts, opening) : openJson(texts[0] ?? { name: '', text: '' }, opening);
  if (template.targets.length === 0) problems.throwIfAny();
  const targets = selected(template, options);
  checkBases(template, options.bases);
  const recipes = targets.map((target) => recipeFor(target, template, opening, options));
  problems.throwIfAny();
  return single(targets, recipes, folder, notices);
}

function readTemplate(path: string): { readonly folder: string; readonly texts: readonly SourceText[] } {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw unreadable(path, 'is not there', 'name a template of Packer, or a folder of *.pkr.hcl files');
  if (!stat.isDirectory()) {
    if (path.endsWith('.pkr.json'))
      throw unreadable(
        path,
        'is HCL2 written as JSON, which is not read',
        'write it as *.pkr.hcl, which `packer fmt` understands',
      );
    return { folder: dirname(resolve(path)), texts: [readSource(path, basename(path))] };
  }
  const names = readdirSync(path)
    .filter((name) => name.endsWith('.pkr.hcl'))
    .toSorted();
  if (names.length === 0) throw unreadable(path, 'has no *.pkr.hcl in it', 'name the template itself where it is JSON');
  return { folder: resolve(path), texts: names.map((name) => readSource(join(path, name), name)) };
}

function readSource(path: string, name: string): SourceText {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw unreadable(path, 'is no file', 'name a file that is there');
  if (stat.size > MOST_FILE_BYTES) throw unreadable(path, 'is larger than 1 MiB', 'is this the right file? Templates are small');
  try {
    return { name, text: readFileSync(path, 'utf8') };
  } catch {
    throw unreadable(path, 'cannot be read', 'see to its permissions');
  }
}

const unreadable = (path: string, why: string, hint: string): KilnError =>
  new KilnError('FILE_UNREADABLE', `${path} ${why}`, { hint });

/** What Packer itself reads without being told, where it is given a folder. */
function automatic(folder: string, path: string): readonly string[] {
  if (resolve(path) !== folder) return [];
  return readdirSync(folder)
    .filter((name) => /\.auto\.pkrvars\.(?:hcl|json)$/.test(name))
    .toSorted()
    .map((name) => join(folder, name));
}

// -------------------------------------------------------------------------------------------------- which sources

/** `only` and `except` are of Packer's form: the source, or BUILD.SOURCE, with * for anything. */
const isNamed = (target: Target, patterns: readonly string[]): boolean =>
  patterns.some(
    (pattern) => matches(pattern, target.id) || (target.build !== null && matches(pattern, `${target.build}.${target.id}`)),
  );

function selected(template: Template, { only, except }: ImportOptions): readonly Target[] {
  const all = template.targets.filter((target) => (only.length === 0 || isNamed(target, only)) && !isNamed(target, except));
  if (all.length > 0) return all;
  const names = template.targets.map(({ id }) => id).join(', ') || 'none';
  throw new KilnError('USAGE', `no source is left; the template has ${names}`, {
    hint: 'name one of them with --only, or leave --only and --except out',
  });
}

/** By parts between the stars: no pattern can take long. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const [index, part] of rest.entries()) {
    const found = index === rest.length - 1 ? text.length - part.length : text.indexOf(part, at);
    if (found < at || !text.startsWith(part, found)) return false;
    at = found + part.length;
  }
  return true;
}

const keysOf = ({ id, type }: Target): readonly string[] => [id, id.split('.').at(-1) ?? id, type];

function checkBases(template: Template, bases: ReadonlyMap<string, string>): void {
  for (const [key, base] of bases) {
    if (!template.targets.some((target) => keysOf(target).includes(key))) {
      const names = template.targets.map(({ id }) => id).join(', ');
      throw new KilnError('USAGE', `--base ${key}: the template has no such source; it has ${names}`, {
        hint: 'write --base SOURCE=BASE with one of these',
      });
    }
    const read = readBase(base);
    if (!read.ok)
      throw new KilnError('USAGE', `--base ${key}=${base}: expected ${read.expected}`, {
        hint: 'such as --base amazon-ebs.app=debian:bookworm',
      });
  }
}

// ------------------------------------------------------------------------------------------------------ one recipe

interface Made {
  readonly text: string;
  readonly service: string;
  readonly draft: Draft;
  readonly starts: boolean;
  readonly options: readonly string[];
}

function recipeFor(target: Target, template: Template, opening: Opening, options: ImportOptions): Made | null {
  const { problems, notices, files } = opening;
  const steps = template.stepsOf(target);
  if (steps === null) return null;
  const given =
    keysOf(target).flatMap((key) => options.bases.get(key) ?? [])[0] ??
    (isReplaced(target.type) ? (options.defaultBase ?? null) : null);
  const source = problems.attempt(() => sourceImage(steps.source, target, given, notices));
  const draft = new Draft();
  const build = { name: target.build ?? target.id.split('.').at(-1) ?? target.id, type: target.type };
  const provisioners = applicable(steps.provisioners, target);
  for (const [index, section] of provisioners.entries()) {
    const later = (): string => textOfAll(provisioners.slice(index + 1), files);
    if (isWhole(section)) problems.attempt(() => translate(section, { draft, files, problems, notices, build, later }));
  }
  const bakes = bakeOptions(applicable(steps.postProcessors, target), problems, notices);
  if (source === null || !problems.isEmpty) return null;
  const service = serviceName(steps, target, files.folder);
  const starts = source.entrypoint.length + source.command.length > 0;
  noteForLaunch(starts, source.from, steps.source, notices);
  const comment = `Imported from a Packer template (${target.id}). Nothing of Packer is needed any more.`;
  const text = recipeText({ service, source, draft, packages: packagesFor(draft, source.from), comment });
  parseSpec(text, 'kiln.yaml');
  return { text, service, draft, starts, options: bakes };
}

/** An ansible step runs by the image's own Python, which Debian's smallest set lacks. */
const packagesFor = (draft: Draft, from: string): readonly string[] =>
  from.startsWith('debian:') &&
  draft.layers.some(({ run }) => run.some((entry) => typeof entry !== 'string' && 'ansible' in entry))
    ? ['python3']
    : [];

function noteForLaunch(starts: boolean, from: string, source: Section, notices: Notices): void {
  if (!starts)
    notices.add(
      source.at,
      'a machine starts its services by init, an instance one program: name it under image.entrypoint before you deploy',
    );
  if (from.startsWith('debian:'))
    notices.add(
      source.at,
      'instances run as the user app (uid 10001): what they write needs a volume or scratch; image.user names another',
    );
}

/** `only` and `except` of a provisioner, and `override` over its settings. */
function applicable(sections: readonly Section[], target: Target): readonly Section[] {
  const names = keysOf(target)
    .slice(0, 1)
    .concat(target.id.split('.').at(-1) ?? []);
  const listed = (section: Section, key: string): boolean | null => {
    const setting = section.settings.get(key);
    return setting === undefined || !Array.isArray(setting.value)
      ? null
      : setting.value.some((name) => names.includes(String(name).replace(/^source\./, '')));
  };
  return sections
    .filter((section) => listed(section, 'only') !== false && listed(section, 'except') !== true)
    .map((section) => overridden(section, names));
}

function overridden(section: Section, names: readonly string[]): Section {
  const override = section.settings.get('override');
  const value = override?.value;
  if (override === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) return section;
  const own = names.flatMap((name) =>
    Object.hasOwn(value, name) ? [(value as Readonly<Record<string, unknown>>)[name]] : [],
  )[0];
  if (typeof own !== 'object' || own === null) return section;
  const changes = Object.entries(own).map(([name, changed]) => [name, { ...override, value: changed as never }] as const);
  return { ...section, settings: new Map([...section.settings, ...changes]) };
}

/** What later steps say, the scripts that they name included. */
function textOfAll(sections: readonly Section[], files: TemplateFiles): string {
  return sections
    .flatMap(({ settings }) =>
      [...settings].map(([name, { value, at }]) =>
        name.startsWith('script') ? scriptText(value, at, files) : JSON.stringify(value),
      ),
    )
    .join('\n');
}

function scriptText(value: unknown, at: Section['at'], files: TemplateFiles): string {
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  const readable = new Problems();
  return names.map((name) => (typeof name === 'string' ? (readable.attempt(() => files.read(name, at)) ?? '') : '')).join('\n');
}

/** A name that a service can have: of the build, else of the source, else of the folder. */
function serviceName({ source }: Steps, target: Target, folder: string): string {
  const candidates = [
    target.build,
    target.id.includes('.') ? source.type.split('.').at(-1) : target.id === target.type ? null : target.id,
    basename(folder),
    'app',
  ];
  const names = candidates.flatMap(
    (each) =>
      (each ?? '')
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, '-')
        .replace(/^[^a-z]+/, '')
        .slice(0, 31)
        .replace(/-$/, '') || [],
  );
  return names[0] ?? 'app';
}

/** One file describes one image: several sources must come to the same. */
function single(targets: readonly Target[], recipes: readonly (Made | null)[], folder: string, notices: Notices): ImportedRecipe {
  const made = recipes.filter((each) => each !== null);
  const [first] = made;
  const bodies = new Set(made.map(({ text }) => text.replace(/^#.*\nservice: .*\n/, '')));
  if (first === undefined || bodies.size > 1) {
    const names = targets.map(({ id }) => id);
    throw new KilnError('USAGE', `the template makes different images of ${names.join(', ')}, and a kiln.yaml describes one`, {
      hint: `choose with --only ${names[0] ?? 'SOURCE'}, and import each into a folder of its own with --out`,
    });
  }
  return {
    text: first.text,
    service: first.service,
    folder,
    files: [...first.draft.needed.values()],
    notices: notices.all,
    starts: first.starts,
    bakeOptions: first.options,
  };
}
