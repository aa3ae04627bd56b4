/** Packer's older templates, in JSON: variables, builders, provisioners, post-processors. */
import { Budget } from './evaluate/budget.ts';
import { evaluate } from './evaluate/evaluate.ts';
import { textOf, type Value } from './evaluate/values.ts';
import { render, renderValue, type Engine } from './go-template.ts';
import type { Expression } from './hcl/syntax.ts';
import { readJson } from './json/read.ts';
import { COMMAND_LINE, noticeTime, readEnvironment, type Opening, type SourceText } from './opening.ts';
import { Refusal, type Place } from './problems.ts';
import { isReplaced, type Section, type Setting, type Steps, type Target, type Template } from './template.ts';

type MapExpression = Extract<Expression, { kind: 'map' }>;

interface Member {
  readonly at: Place;
  readonly value: Expression;
}

interface JsonTarget extends Target {
  readonly section: MapExpression;
}

const TOP = new Set([
  'builders',
  'provisioners',
  'post-processors',
  'variables',
  'sensitive-variables',
  'min_packer_version',
  'description',
]);
/** Filled in by Packer when it builds; whoever reads them knows their forms. */
const UNRENDERED = new Set(['execute_command', 'elevated_execute_command', 'remote_path']);

export function openJson(source: SourceText, opening: Opening): Template {
  const reader = new JsonReader(opening);
  const { problems } = opening;
  const root = problems.attempt(() => mapAt(readJson(source.text, source.name), 'a template'));
  if (root === null) return { targets: [], stepsOf: () => null };
  const members = membersOf(root);
  for (const [name, { at }] of members)
    if (!TOP.has(name) && !name.startsWith('_'))
      problems.add(at, `a template has no "${name}"; take it away, or begin its name with _`);
  reader.readVariables(members);
  const builders = problems.attempt(() => listAt(members.get('builders'), root.at)) ?? [];
  const targets = builders.flatMap((builder) => problems.attempt(() => targetOf(builder)) ?? []);
  const byTarget = new Map<Target, JsonTarget>(targets.map((target) => [target, target]));
  return {
    targets,
    stepsOf: (target) => {
      const own = byTarget.get(target);
      return own === undefined ? null : reader.stepsOf(own, members);
    },
  };
}

function targetOf(builder: Expression): JsonTarget {
  const section = mapAt(builder, 'a builder');
  const members = membersOf(section);
  const [type, name] = [plainText(members.get('type')), plainText(members.get('name'))];
  if (type === null) throw new Refusal(section.at, 'a builder needs a type; add one');
  return { id: name ?? type, type, build: null, at: section.at, section };
}

function mapAt(expression: Expression, what: string): MapExpression {
  if (expression.kind === 'map') return expression;
  throw new Refusal(expression.at, `expected ${what}: a map in { }`);
}

function listAt(member: Member | undefined, at: Place): readonly Expression[] {
  if (member === undefined) throw new Refusal(at, 'the template has no builders; is it one of Packer?');
  if (member.value.kind === 'list') return member.value.items;
  throw new Refusal(member.at, 'expected a list in [ ]');
}

/** Of a key that stands twice the last holds, as in Packer. */
const membersOf = (map: MapExpression): ReadonlyMap<string, Member> =>
  new Map(map.members.map(({ key, value }) => [plainText({ at: key.at, value: key }) ?? '', { at: key.at, value }]));

function plainText(member: Member | undefined): string | null {
  const [part] = member?.value.kind === 'template' ? member.value.parts : [];
  return part?.kind === 'text' ? part.text : null;
}

/** Nothing is computed of what a base stands for. */
const namesOnly = ({ id, at, section }: JsonTarget): Section => ({
  type: id,
  at,
  settings: new Map(
    [...membersOf(section)]
      .filter(([name]) => name !== 'type' && name !== 'name' && !name.startsWith('_'))
      .map(([name, member]) => [name, { at: member.at, value: null, secrets: [] }]),
  ),
  blocks: [],
});

class JsonReader {
  readonly #opening: Opening;
  readonly #budget = new Budget();
  readonly #variables = new Map<string, string | null>();
  #sensitive: ReadonlySet<string> = new Set();

  constructor(opening: Opening) {
    this.#opening = opening;
  }

  readVariables(members: ReadonlyMap<string, Member>): void {
    const { problems, values } = this.#opening;
    const secret = members.get('sensitive-variables')?.value;
    this.#sensitive = new Set(
      secret?.kind === 'list' ? secret.items.flatMap((item) => plainText({ at: item.at, value: item }) ?? []) : [],
    );
    const block = members.get('variables');
    const declared =
      block === undefined
        ? new Map<string, Member>()
        : membersOf(problems.attempt(() => mapAt(block.value, 'variables')) ?? EMPTY);
    const given = this.#given(declared);
    for (const name of values.keys()) {
      if (declared.has(name)) continue;
      const at = { file: COMMAND_LINE, line: 1, column: 1 };
      problems.add(at, `--var ${name}: the template has no such variable; it has ${[...declared.keys()].join(', ') || 'none'}`);
    }
    for (const [name, { at, value }] of declared) {
      this.#variables.set(name, null);
      problems.attempt(() => this.#variable(name, at, value, given.get(name)));
    }
  }

  #given(declared: ReadonlyMap<string, Member>): ReadonlyMap<string, string> {
    const { problems, notices, values, valueFiles } = this.#opening;
    const given = new Map<string, string>();
    for (const file of valueFiles) {
      const root = problems.attempt(() => mapAt(readJson(file.text, file.name), 'variables'));
      for (const [name, { at, value }] of root === null ? [] : membersOf(root)) {
        const text = problems.attempt(() => textOf(this.#evaluate(value)));
        if (!declared.has(name)) notices.add(at, `the template has no variable "${name}"`);
        else if (text !== null) given.set(name, text);
      }
    }
    for (const [name, text] of values) given.set(name, text);
    return given;
  }

  #variable(name: string, at: Place, fallback: Expression, given: string | undefined): void {
    const value = this.#evaluate(fallback);
    if (given === undefined && value === null)
      throw new Refusal(at, `the variable "${name}" has no value; give --var ${name}=VALUE or a --var-file`);
    const text = given ?? textOf(value);
    if (text === null) throw new Refusal(fallback.at, `the variable "${name}" must be a text; write it as one`);
    const engine: Engine = {
      ...this.#engine(null, at, new Set()),
      env: (asked, where) => readEnvironment(this.#opening, asked, where),
    };
    this.#variables.set(name, given ?? render(text, engine, fallback.at));
  }

  stepsOf(target: JsonTarget, members: ReadonlyMap<string, Member>): Steps | null {
    const { problems } = this.#opening;
    const section = (expression: Expression): readonly Section[] => {
      const made = problems.attempt(() => this.#section(expression, target));
      return made === null ? [] : [made];
    };
    const all = (name: string): readonly Section[] => {
      const member = members.get(name);
      return member === undefined ? [] : flat(problems.attempt(() => listAt(member, member.at)) ?? []).flatMap(section);
    };
    const [source] = isReplaced(target.type) ? [namesOnly(target)] : section(target.section);
    if (source === undefined) return null;
    return { source, provisioners: all('provisioners'), postProcessors: all('post-processors') };
  }

  /** A post-processor may be its name alone. */
  #section(expression: Expression, target: Target): Section {
    const name = plainText({ at: expression.at, value: expression });
    if (name !== null) return { type: name, at: expression.at, settings: new Map(), blocks: [] };
    const members = membersOf(mapAt(expression, 'a block'));
    const type = plainText(members.get('type'));
    if (type === null) throw new Refusal(expression.at, 'needs a type; add one');
    const settings = new Map<string, Setting>();
    for (const [key, { at, value }] of members) {
      if (key === 'type' || key.startsWith('_')) continue;
      const setting = this.#opening.problems.attempt(() => this.#setting(key, value, at, target));
      settings.set(key, setting ?? { at, value: null, secrets: [], failed: true });
    }
    return { type, at: expression.at, settings, blocks: [] };
  }

  #setting(name: string, expression: Expression, at: Place, target: Target): Setting {
    const secrets = new Set<string>();
    const value = this.#evaluate(expression);
    const rendered = UNRENDERED.has(name)
      ? value
      : renderValue(value, this.#engine(target, expression.at, secrets), expression.at);
    return { at, value: rendered, secrets: [...secrets] };
  }

  #evaluate(expression: Expression): Value {
    return evaluate(expression, {
      budget: this.#budget,
      functions: new Map(),
      lookup: () => undefined,
      locals: new Map(),
      secrets: new Set(),
    });
  }

  #engine(target: Target | null, place: Place, secrets: Set<string>): Engine {
    return {
      nowMs: this.#opening.nowMs,
      env: null,
      buildName: target?.id ?? '',
      buildType: target?.type ?? '',
      asked: () => noticeTime(this.#opening)(place),
      user: (name, at) => {
        const value = this.#variables.get(name);
        if (value === null) throw new Refusal(at, `the variable "${name}" has no value`, true);
        if (value === undefined) throw new Refusal(at, `there is no variable "${name}"; declare it in "variables"`);
        if (this.#sensitive.has(name)) secrets.add(name);
        return value;
      },
    };
  }
}

const EMPTY: MapExpression = { kind: 'map', at: { file: '', line: 1, column: 1 }, members: [] };

/** Post-processors may stand in lists of their own: each is a chain. */
const flat = (items: readonly Expression[]): readonly Expression[] =>
  items.flatMap((item) => (item.kind === 'list' ? flat(item.items) : [item]));
