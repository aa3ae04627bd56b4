/** Type constraints of variables: `string`, `list(number)`, `object({ … })`, and values brought to them. */
import { isList, isMap, kindOf, mapOf, textOf, type Value } from '../evaluate/values.ts';
import { Refusal, type Place } from '../problems.ts';
import type { Expression } from './syntax.ts';

export type Type =
  | { readonly kind: 'string' | 'number' | 'bool' | 'any' }
  | { readonly kind: 'list' | 'set' | 'map'; readonly of: Type }
  | { readonly kind: 'tuple'; readonly items: readonly Type[] }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, { readonly type: Type; readonly optional: boolean }> };

export const ANY: Type = { kind: 'any' };

const PLAIN = new Set(['string', 'number', 'bool', 'any'] as const);
const isPlain = (name: string): name is 'string' | 'number' | 'bool' | 'any' => (PLAIN as ReadonlySet<string>).has(name);

export function typeOf(expression: Expression): Type {
  if (expression.kind === 'name' && isPlain(expression.name)) return { kind: expression.name };
  // Before 0.12 types were texts.
  if (expression.kind === 'template' && expression.parts.length === 1) {
    const [part] = expression.parts;
    if (part?.kind === 'text' && isPlain(part.text)) return { kind: part.text };
  }
  if (expression.kind === 'name' && (expression.name === 'list' || expression.name === 'map' || expression.name === 'set'))
    return { kind: expression.name, of: ANY };
  if (expression.kind === 'call') return constructed(expression);
  throw unknown(expression.at);
}

const unknown = (at: Place): Refusal =>
  new Refusal(at, 'expected a type: string, number, bool, any, list(…), set(…), map(…), tuple([…]) or object({…})');

function constructed({ name, args, at }: Extract<Expression, { kind: 'call' }>): Type {
  const [arg] = args;
  if (arg === undefined || args.length !== 1) throw unknown(at);
  if (name === 'list' || name === 'set' || name === 'map') return { kind: name, of: typeOf(arg) };
  if (name === 'tuple' && arg.kind === 'list') return { kind: 'tuple', items: arg.items.map(typeOf) };
  if (name !== 'object' || arg.kind !== 'map') throw unknown(at);
  const members = arg.members.map(({ key, value }) => {
    const [part] = key.kind === 'template' ? key.parts : [];
    if (part?.kind !== 'text') throw unknown(key.at);
    const optional = value.kind === 'call' && value.name === 'optional';
    const [inner] = optional ? value.args : [value];
    if (inner === undefined) throw unknown(value.at);
    return [part.text, { type: typeOf(inner), optional }] as const;
  });
  return { kind: 'object', members: new Map(members) };
}

/** The value as the type has it: numbers and texts are brought together, as Packer does. */
export function converted(value: Value, type: Type, at: Place, what: string): Value {
  const misfit = (wanted: string): never => {
    throw new Refusal(at, `${what} must be ${wanted}, and is ${kindOf(value)}`);
  };
  if (value === null || type.kind === 'any') return value;
  switch (type.kind) {
    case 'string':
      return textOf(value) ?? misfit('a text');
    case 'number':
      return typeof value === 'number' ? value : isNumber(value) ? Number(value) : misfit('a number');
    case 'bool':
      return typeof value === 'boolean'
        ? value
        : value === 'true' || value === 'false'
          ? value === 'true'
          : misfit('true or false');
    case 'list':
    case 'set':
      return isList(value) ? value.map((item) => converted(item, type.of, at, `an element of ${what}`)) : misfit('a list');
    case 'map':
      if (!isMap(value)) return misfit('a map');
      return mapOf(
        Object.entries(value).map(([key, item]) => [key, converted(item, type.of, at, `"${key}" of ${what}`)] as const),
      );
    case 'tuple':
      if (!isList(value) || value.length !== type.items.length) return misfit(`a list of ${type.items.length}`);
      return value.map((item, index) => converted(item, type.items[index] ?? ANY, at, `an element of ${what}`));
    case 'object':
      if (!isMap(value)) return misfit('a map');
      return mapOf(
        [...type.members].map(([key, { type: inner, optional }]) => {
          const item = value[key];
          if (item === undefined && !optional) throw new Refusal(at, `${what} lacks "${key}"`);
          return [key, converted(item ?? null, inner, at, `"${key}" of ${what}`)] as const;
        }),
      );
  }
}

const isNumber = (value: Value): boolean => typeof value === 'string' && /^-?\d{1,300}(?:\.\d{1,300})?$/.test(value);
