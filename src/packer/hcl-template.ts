/** HCL2 templates (*.pkr.hcl, one file or all of a folder): variables, locals, sources, builds. */
import { Budget } from './evaluate/budget.ts';
import { asText, elements, evaluate, truth } from './evaluate/evaluate.ts';
import { withLocals, type Lookup, type Scope } from './evaluate/scope.ts';
import type { Value } from './evaluate/values.ts';
import { functionsOf } from './functions/arguments.ts';
import { COLLECTIONS } from './functions/collections.ts';
import { clockFunctions, DATES } from './functions/dates.ts';
import { ENCODINGS } from './functions/encodings.ts';
import { NUMBERS } from './functions/numbers.ts';
import { pathFunctions } from './functions/paths.ts';
import { REFUSALS } from './functions/refused.ts';
import { TEXT } from './functions/text.ts';
import { renderValue, type Engine } from './go-template.ts';
import { parseHcl } from './hcl/parse.ts';
import type { Attribute, Block, Body, Expression } from './hcl/syntax.ts';
import { readVariables } from './hcl-variables.ts';
import { noticeTime, type Opening, type SourceText } from './opening.ts';
import { Refusal, type Place } from './problems.ts';
import { rootNames, type Local } from './root-names.ts';
import { isReplaced, type Section, type Setting, type Steps, type Target, type Template } from './template.ts';

/** Blocks of a file, and what there is to say of those that an import has no use for. */
const TOP = new Set(['build', 'local', 'locals', 'packer', 'source', 'variable']);
const IN_BUILD = new Set(['source', 'provisioner', 'post-processor', 'post-processors']);
/** Settings that Packer itself leaves `{{ }}` in, to fill them in when it builds. */
const UNRENDERED = new Set(['execute_command', 'elevated_execute_command', 'remote_path']);

interface HclTarget extends Target {
  readonly name: string;
  readonly block: Block;
  /** What the build adds to the source. */
  readonly override: Body | null;
  readonly buildBlock: Block;
}

export function openHcl(texts: readonly SourceText[], opening: Opening): Template {
  const { problems } = opening;
  const bodies = texts.flatMap(({ name, text }) => parseHcl(text, name, problems) ?? []);
  const blocks = bodies.flatMap((body) => body.blocks);
  for (const attribute of bodies.flatMap((body) => body.attributes))
    problems.add(attribute.at, 'only blocks stand at the top of a template; take it away');
  for (const block of blocks) if (!TOP.has(block.type)) problems.add(block.at, strange(block));
  const bare = bareScope(opening);
  const ofType = (type: string): readonly Block[] => blocks.filter((block) => block.type === type);
  const variables = readVariables(ofType('variable'), bare, opening);
  const scope: Scope = { ...bare, lookup: rootNames(variables, localsOf(blocks, bare, opening), bare) };
  const sources = new Map(ofType('source').map((block) => [block.labels.join('.'), block] as const));
  const targets = ofType('build').flatMap((build) => targetsOf(build, sources, scope, opening));
  if (ofType('build').length === 0 && problems.isEmpty) {
    problems.add(
      bodies[0]?.at ?? { file: texts[0]?.name ?? '', line: 1, column: 1 },
      'the template has no build; add one, or import the folder',
    );
  }
  const byTarget = new Map<Target, HclTarget>(targets.map((target) => [target, target]));
  return {
    targets,
    stepsOf: (target) => {
      const own = byTarget.get(target);
      return own === undefined ? null : stepsOf(own, scope, opening);
    },
  };
}

const strange = ({ type }: Block): string =>
  type === 'data'
    ? 'a data source asks a cloud while it builds, which a recipe does not; write its value into a variable'
    : `a template has no block "${type}"; take it away`;

function bareScope(opening: Opening): Scope {
  const functions = functionsOf(
    TEXT,
    COLLECTIONS,
    NUMBERS,
    ENCODINGS,
    DATES,
    clockFunctions(opening.nowMs, noticeTime(opening)),
    pathFunctions(opening.files),
    REFUSALS,
  );
  return { budget: new Budget(), functions, lookup: () => undefined, locals: new Map(), secrets: new Set() };
}

function localsOf(blocks: readonly Block[], bare: Scope, { problems }: Opening): ReadonlyMap<string, Local> {
  const found = new Map<string, Local>();
  const add = (name: string, at: Place, value: Expression, sensitive: boolean): void => {
    if (found.has(name)) problems.add(at, `the local "${name}" is defined twice; take one away`);
    found.set(name, { at, value, sensitive });
  };
  for (const block of blocks) {
    if (block.type === 'locals') for (const { name, at, value } of block.body.attributes) add(name, at, value, false);
    if (block.type !== 'local') continue;
    const attributes = new Map(block.body.attributes.map((attribute) => [attribute.name, attribute]));
    const value = attributes.get('expression');
    const secret = attributes.get('sensitive');
    if (value === undefined) problems.add(block.at, 'a local needs an expression; add one');
    else {
      const sensitive = secret !== undefined && problems.attempt(() => truth(evaluate(secret.value, bare), secret.at)) === true;
      add(block.labels[0] ?? '', block.at, value.value, sensitive);
    }
  }
  return found;
}

function targetsOf(build: Block, sources: ReadonlyMap<string, Block>, scope: Scope, { problems }: Opening): readonly HclTarget[] {
  const attribute = (name: string): Attribute | undefined => build.body.attributes.find((each) => each.name === name);
  for (const each of build.body.attributes)
    if (!['name', 'description', 'sources'].includes(each.name))
      problems.add(each.at, `a build has no "${each.name}"; take it away`);
  for (const each of build.body.blocks) {
    if (!IN_BUILD.has(each.type) && each.type !== 'dynamic')
      problems.add(each.at, `${each.type} has no counterpart in a recipe; take it away`);
  }
  const name = attribute('name');
  const buildName =
    name === undefined ? null : problems.attempt(() => asText(evaluate(name.value, scope), name.at, 'names a build'));
  const list = attribute('sources');
  const named = list === undefined ? [] : (problems.attempt(() => sourceNames(evaluate(list.value, scope), list)) ?? []);
  const all = [
    ...named.map((id) => ({ id, at: list?.at ?? build.at, override: null })),
    ...build.body.blocks
      .filter(({ type }) => type === 'source')
      .map((block) => ({ id: (block.labels[0] ?? '').replace(/^source\./, ''), at: block.at, override: block.body })),
  ];
  return all.flatMap(({ id, at, override }) => {
    const block = sources.get(id);
    if (block === undefined) {
      problems.add(
        at,
        `there is no source "${id}"; there ${sources.size === 0 ? 'is none' : `are ${[...sources.keys()].join(', ')}`}`,
      );
      return [];
    }
    const [type = '', label = ''] = block.labels;
    return [{ id, type, name: label, build: buildName, at: block.at, block, override, buildBlock: build }];
  });
}

function sourceNames(value: Value, { at }: Attribute): readonly string[] {
  const names = Array.isArray(value) ? (value as readonly Value[]) : [value];
  return names.map((name) => {
    if (typeof name !== 'string') throw new Refusal(at, 'sources is a list of texts such as "source.amazon-ebs.app"');
    return name.replace(/^source\./, '');
  });
}

/** Nothing is computed of what a base stands for. */
const namesOnly = ({ id, block }: HclTarget, body: Body): Section => ({
  type: id,
  at: block.at,
  settings: new Map(body.attributes.map(({ name, at }) => [name, { at, value: null, secrets: [] }])),
  blocks: body.blocks.map(({ type, at }) => ({ type, at, settings: new Map(), blocks: [] })),
});

function stepsOf(target: HclTarget, scope: Scope, opening: Opening): Steps {
  const inner = { ...scope, lookup: targetNames(target, scope.lookup) };
  const reader = new SectionReader(target, inner, opening);
  const bodies = [target.block.body, ...(target.override === null ? [] : [target.override])];
  const parts = bodies.map((body) =>
    isReplaced(target.type) ? namesOnly(target, body) : reader.section(target.id, target.block.at, body),
  );
  const source: Section = {
    type: target.id,
    at: target.block.at,
    settings: new Map(parts.flatMap(({ settings }) => [...settings])),
    blocks: parts.flatMap(({ blocks }) => blocks),
  };
  const build = reader.blocks(withoutSources(target.buildBlock.body));
  const of = (wanted: string): readonly Section[] => build.filter(({ type }) => type === wanted).flatMap(({ blocks }) => blocks);
  return { source, provisioners: of('provisioner'), postProcessors: of('post-processor') };
}

const withoutSources = (body: Body): Body => ({ ...body, blocks: body.blocks.filter(({ type }) => type !== 'source') });

/** `source.name`, `build.name`; what is known only while Packer builds is refused by name. */
const targetNames =
  (target: HclTarget, outer: Lookup): Lookup =>
  (root, key, at, secrets) => {
    if (root !== 'source' && root !== 'build') return outer(root, key, at, secrets);
    const known: Readonly<Record<string, string>> = {
      name: root === 'source' ? target.name : (target.build ?? target.name),
      type: target.type,
    };
    if (key === null) return known;
    const found = Object.hasOwn(known, key) ? known[key] : undefined;
    if (found === undefined) throw new Refusal(at, `${root}.${key} is known to Packer only while it builds; write the value out`);
    return found;
  };

/** Blocks to sections: attributes evaluated, `{{ }}` rendered, dynamic blocks written out. */
class SectionReader {
  readonly #scope: Scope;
  readonly #opening: Opening;
  readonly #target: HclTarget;

  constructor(target: HclTarget, scope: Scope, opening: Opening) {
    this.#target = target;
    this.#scope = scope;
    this.#opening = opening;
  }

  section(type: string, at: Place, body: Body, scope = this.#scope): Section {
    const settings = new Map<string, Setting>();
    for (const attribute of body.attributes) {
      const setting = this.#opening.problems.attempt(() => this.#setting(attribute, scope));
      settings.set(attribute.name, setting ?? { at: attribute.at, value: null, secrets: [], failed: true });
    }
    return { type, at, settings, blocks: this.blocks(body, scope) };
  }

  /** Labelled blocks come as one section with the labelled one in it: `provisioner "shell"` → provisioner → shell. */
  blocks(body: Body, scope = this.#scope): readonly Section[] {
    return body.blocks.flatMap((block) =>
      block.type === 'dynamic'
        ? (this.#opening.problems.attempt(() => this.#dynamic(block, scope)) ?? [])
        : [this.#block(block.type, block, scope)],
    );
  }

  #block(type: string, { labels, body, at }: Pick<Block, 'labels' | 'body' | 'at'>, scope: Scope): Section {
    const bare = { type, at, settings: new Map() };
    if (type === 'post-processors') {
      return { ...bare, type: 'post-processor', blocks: this.blocks(body, scope).flatMap(({ blocks }) => blocks) };
    }
    const [label] = labels;
    const made = this.section(label ?? type, at, body, scope);
    return label === undefined ? made : { ...bare, blocks: [made] };
  }

  #dynamic(block: Block, scope: Scope): readonly Section[] {
    const [type = ''] = block.labels;
    const attribute = (name: string): Attribute | undefined => block.body.attributes.find((each) => each.name === name);
    const over = attribute('for_each');
    const content = block.body.blocks.find((each) => each.type === 'content');
    if (over === undefined || content === undefined)
      throw new Refusal(block.at, 'a dynamic block needs for_each and content; add what is missing');
    const iterator = attribute('iterator')?.value;
    const name = iterator?.kind === 'name' ? iterator.name : type;
    const labels = attribute('labels');
    // What is secret in the list is secret in each of its elements.
    const own = { ...scope, secrets: new Set(scope.secrets) };
    return elements(evaluate(over.value, own), over.at).map(([key, value]) => {
      scope.budget.step(block.at);
      const inner = withLocals(own, [[name, { key, value }]]);
      const given = labels === undefined ? [] : sourceNames(evaluate(labels.value, inner), labels);
      return this.#block(type, { labels: given, body: content.body, at: block.at }, inner);
    });
  }

  #setting({ name, value, at }: Attribute, scope: Scope): Setting {
    const own = { ...scope, secrets: new Set(scope.secrets) };
    const evaluated = evaluate(value, own);
    const rendered = UNRENDERED.has(name) ? evaluated : renderValue(evaluated, this.#engine(at), at);
    return { at, value: rendered, secrets: [...own.secrets] };
  }

  #engine(at: Place): Engine {
    const { name, type, build } = this.#target;
    return {
      nowMs: this.#opening.nowMs,
      user: null,
      env: null,
      buildName: build ?? name,
      buildType: type,
      asked: () => noticeTime(this.#opening)(at),
    };
  }
}
