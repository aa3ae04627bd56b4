/** Variables of an HCL2 template: declarations, values given for them, types and validations. */
import { asText, evaluate, truth } from './evaluate/evaluate.ts';
import type { Scope } from './evaluate/scope.ts';
import type { Value } from './evaluate/values.ts';
import { Cursor } from './hcl/cursor.ts';
import { parseExpression } from './hcl/expression.ts';
import { parseHcl } from './hcl/parse.ts';
import type { Attribute, Block, Expression } from './hcl/syntax.ts';
import { ANY, converted, typeOf, type Type } from './hcl/types.ts';
import { readJson } from './json/read.ts';
import { COMMAND_LINE, readEnvironment, type Opening } from './opening.ts';
import { Refusal, type Place } from './problems.ts';

export interface Variable {
  readonly name: string;
  readonly at: Place;
  readonly value: Value;
  readonly sensitive: boolean;
}

interface Declared {
  readonly name: string;
  readonly at: Place;
  readonly type: Type;
  readonly fallback: Attribute | null;
  readonly sensitive: boolean;
  readonly validations: readonly Block[];
}

type Given = ReadonlyMap<string, Expression>;

const KNOWN = new Set(['type', 'default', 'description', 'sensitive']);

/** `scope` sees functions and no names. A variable that has no value is null, and why is noted. */
export function readVariables(blocks: readonly Block[], scope: Scope, opening: Opening): ReadonlyMap<string, Variable | null> {
  const { problems } = opening;
  const declared = blocks.flatMap((block) => problems.attempt(() => declarationOf(block, scope)) ?? []);
  const names = new Set(declared.map(({ name }) => name));
  const given = givenValues(names, opening);
  // Part of a template, as in a text about Packer, uses variables that another file declares.
  const undeclared = [...opening.values.keys()].filter((name) => !names.has(name)).map(undeclaredNamed);
  return new Map(
    [...declared, ...undeclared].map((each) => [
      each.name,
      problems.attempt(() => variableOf(each, given.get(each.name), scope, opening)),
    ]),
  );
}

const undeclaredNamed = (name: string): Declared => ({
  name,
  at: { file: COMMAND_LINE, line: 1, column: 1 },
  type: ANY,
  fallback: null,
  sensitive: false,
  validations: [],
});

function declarationOf(block: Block, scope: Scope): Declared {
  const [name] = block.labels;
  if (name === undefined || block.labels.length !== 1)
    throw new Refusal(block.at, 'a variable has one name: variable "name" { }');
  const attributes = new Map(block.body.attributes.map((attribute) => [attribute.name, attribute]));
  const strange = block.body.attributes.find((attribute) => !KNOWN.has(attribute.name));
  if (strange !== undefined) throw new Refusal(strange.at, `a variable has no "${strange.name}"; take it away`);
  const type = attributes.get('type');
  const sensitive = attributes.get('sensitive');
  return {
    name,
    at: block.at,
    type: type === undefined ? ANY : typeOf(type.value),
    fallback: attributes.get('default') ?? null,
    sensitive: sensitive !== undefined && truth(evaluate(sensitive.value, scope), sensitive.at),
    validations: block.body.blocks.filter(({ type: kind }) => kind === 'validation'),
  };
}

function variableOf(declared: Declared, given: Expression | undefined, scope: Scope, opening: Opening): Variable {
  const { name, at, type, sensitive } = declared;
  const what = `the variable "${name}"`;
  const withEnv: Scope = {
    ...scope,
    functions: new Map([
      ...scope.functions,
      ['env', (args, call) => readEnvironment(opening, asText(args[0] ?? null, call.at, 'names a variable'), call.at)],
    ]),
  };
  const source = given ?? declared.fallback?.value;
  if (source === undefined) throw new Refusal(at, `${what} has no value; give --var ${name}=VALUE or a --var-file`);
  const value = converted(evaluate(source, given === undefined ? withEnv : scope), type, source.at, what);
  for (const validation of declared.validations) validate(validation, name, value, scope);
  return { name, at, value, sensitive };
}

function validate({ body, at }: Block, name: string, value: Value, scope: Scope): void {
  const own: Scope = {
    ...scope,
    lookup: (root, key) =>
      root === 'var' && (key === null || key === name) ? (key === null ? { [name]: value } : value) : undefined,
  };
  const condition = body.attributes.find((attribute) => attribute.name === 'condition');
  if (condition === undefined) throw new Refusal(at, 'a validation needs a condition; add one');
  if (truth(evaluate(condition.value, own), condition.at)) return;
  const message = body.attributes.find((attribute) => attribute.name === 'error_message');
  const said = message === undefined ? '' : `: ${asText(evaluate(message.value, own), message.at, 'is a message')}`;
  throw new Refusal(at, `the value of "${name}" is refused by its validation${said}; give another with --var ${name}=VALUE`);
}

/** Later files win over earlier ones, and the command line over all. */
function givenValues(names: ReadonlySet<string>, opening: Opening): Given {
  const given = new Map<string, Expression>();
  for (const file of opening.valueFiles) {
    for (const { name, value, at } of assignments(file, opening)) {
      if (names.has(name)) given.set(name, value);
      else opening.notices.add(at, `the template has no variable "${name}"`);
    }
  }
  for (const [name, text] of opening.values) {
    const at = { file: COMMAND_LINE, line: 1, column: 1 };
    if (!names.has(name)) opening.notices.add(at, `--var ${name}: the template uses it, if at all, without declaring it`);
    given.set(name, commandLineValue(name, text));
  }
  return given;
}

function assignments(file: { readonly name: string; readonly text: string }, opening: Opening): readonly Attribute[] {
  const { problems } = opening;
  if (file.name.endsWith('.json')) {
    const root = problems.attempt(() => readJson(file.text, file.name));
    if (root?.kind !== 'map') return [];
    return root.members.flatMap(({ key, value }) => {
      const [part] = key.kind === 'template' ? key.parts : [];
      return part?.kind === 'text' ? [{ name: part.text, at: key.at, value }] : [];
    });
  }
  const body = parseHcl(file.text, file.name, problems);
  for (const block of body?.blocks ?? [])
    problems.add(block.at, 'a file of values has lines NAME = VALUE only; take the block away');
  return body?.attributes ?? [];
}

/** As Packer: what reads like a list or a map is one, all else is text. */
function commandLineValue(name: string, text: string): Expression {
  const cursor = new Cursor(text, `--var ${name}`);
  const at = cursor.place;
  if (!/^\s*[[{]/.test(text)) return { kind: 'template', at, parts: [{ kind: 'text', text }] };
  const value = parseExpression(cursor);
  cursor.skip(true);
  return cursor.atEnd ? value : cursor.refuse(`expected the end of the value, found ${cursor.found()}`);
}
