/** Expressions to values. Pure but for what the scope's functions do; bounded by its budget; throws only Refusals. */
import type { Expression, ForExpression, TemplatePart } from '../hcl/syntax.ts';
import { Refusal, type Place } from '../problems.ts';
import { binaryOf, unaryOf } from './operators.ts';
import { withLocals, type Scope } from './scope.ts';
import { has, isList, isMap, kindOf, mapOf, textOf, type Value } from './values.ts';

const EACH = '*';

export function evaluate(expression: Expression, scope: Scope): Value {
  scope.budget.step(expression.at);
  return scope.budget.made(
    expression.at,
    scope.budget.nested(expression.at, () => compute(expression, scope)),
  );
}

function compute(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'template':
      return template(expression.parts, expression.at, scope);
    case 'list':
      return expression.items.map((item) => evaluate(item, scope));
    case 'map':
      return mapOf(expression.members.map(({ key, value }) => [keyText(key, scope), evaluate(value, scope)] as const));
    case 'name':
      return named(expression.name, null, expression.at, scope);
    case 'index':
      return index(expression.of, expression.key, expression.at, scope);
    case 'splat':
      return splat(evaluate(expression.of, scope), expression.rest, scope);
    case 'each':
      return scope.locals.get(EACH) ?? null;
    case 'call':
      return call(expression, scope);
    case 'unary':
      return unaryOf(expression.operator, evaluate(expression.of, scope), expression.at);
    case 'binary':
      return binary(expression, scope);
    case 'choice': {
      const chosen = truth(evaluate(expression.condition, scope), expression.condition.at);
      return evaluate(chosen ? expression.yes : expression.no, scope);
    }
    case 'for':
      return forLoop(expression, scope);
  }
}

/** `"${x}"` alone is x itself, not its text. */
function template(parts: readonly TemplatePart[], at: Place, scope: Scope): Value {
  const [only] = parts;
  if (parts.length === 1 && only?.kind === 'value') return evaluate(only.value, scope);
  return scope.budget.text(at, textOfParts(parts, scope));
}

export function textOfParts(parts: readonly TemplatePart[], scope: Scope): string {
  let made = '';
  for (const part of parts) made += partText(part, scope);
  return made;
}

function partText(part: TemplatePart, scope: Scope): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'value':
      return scope.budget.text(part.value.at, asText(evaluate(part.value, scope), part.value.at, 'is put into a text'));
    case 'if':
      return textOfParts(truth(evaluate(part.condition, scope), part.at) ? part.yes : part.no, scope);
    case 'for': {
      const all = elements(evaluate(part.over, scope), part.at);
      return scope.budget.text(
        part.at,
        all
          .map(([key, item]) => {
            scope.budget.step(part.at);
            const inner = withLocals(scope, [...(part.key === null ? [] : [[part.key, key] as const]), [part.item, item]]);
            return scope.budget.text(part.at, textOfParts(part.body, inner));
          })
          .join(''),
      );
    }
  }
}

export function asText(value: Value, at: Place, what: string): string {
  const text = textOf(value);
  if (text === null) throw new Refusal(at, `${kindOf(value)} ${what}; make it a text first, by join() or jsonencode()`);
  return text;
}

export function truth(value: Value, at: Place): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new Refusal(at, `expected true or false, found ${kindOf(value)}`);
}

function keyText(key: Expression, scope: Scope): string {
  return asText(evaluate(key, scope), key.at, 'is the key of a map');
}

function named(name: string, key: string | null, at: Place, scope: Scope): Value {
  const local = scope.locals.get(name);
  if (local !== undefined) return key === null ? local : memberOf(local, key, at);
  const found = scope.lookup(name, key, at, scope.secrets);
  if (found === undefined)
    throw new Refusal(at, `there is no "${name}" here; var, local, build and path are known, and names of a loop`);
  return found;
}

/** `var.x` asks for x alone, so that only what is used has to have a value. */
function index(of: Expression, key: Expression, at: Place, scope: Scope): Value {
  const by = evaluate(key, scope);
  if (of.kind === 'name' && typeof by === 'string') return named(of.name, by, of.at, scope);
  return memberOf(evaluate(of, scope), by, at);
}

export function memberOf(of: Value, key: Value, at: Place): Value {
  if (isList(of)) {
    const position = typeof key === 'string' && /^\d+$/.test(key) ? Number(key) : key;
    const item = typeof position === 'number' ? of[position] : undefined;
    if (item === undefined)
      throw new Refusal(at, `the list has ${of.length} elements, and none is number ${textOf(key) ?? kindOf(key)}`);
    return item;
  }
  const name = textOf(key);
  if (isMap(of) && name !== null) {
    if (has(of, name)) return of[name] ?? null;
    throw new Refusal(
      at,
      `there is no "${name}"; there ${Object.keys(of).length === 0 ? 'is nothing' : `are ${Object.keys(of).slice(0, 12).join(', ')}`}`,
    );
  }
  throw new Refusal(at, `${kindOf(of)} has nothing in it to be asked for`);
}

/** What is no list counts as a list of one; null as none. */
function splat(of: Value, rest: Expression, scope: Scope): Value {
  const items = isList(of) ? of : of === null ? [] : [of];
  return items.map((item) => evaluate(rest, withLocals(scope, [[EACH, item]])));
}

/** `can` and `try` are the only functions whose arguments may fail. */
function call(expression: Extract<Expression, { kind: 'call' }>, scope: Scope): Value {
  const { name, args, spread, at } = expression;
  if (name === 'can') return args.every((each) => succeeds(each, scope));
  if (name === 'try') return firstGood(args, at, scope);
  const known = scope.functions.get(name);
  if (known === undefined)
    throw new Refusal(at, `there is no function ${name}() here; compute the value beforehand and give it with --var`);
  const values = args.map((each) => evaluate(each, scope));
  const last = values.at(-1) ?? null;
  if (spread && !isList(last)) throw new Refusal(at, `"..." spreads a list, and here is ${kindOf(last)}`);
  const all = spread && isList(last) ? [...values.slice(0, -1), ...last] : values;
  scope.budget.step(at, all.length);
  return known(all, { at, budget: scope.budget, scope });
}

function succeeds(expression: Expression, scope: Scope): boolean {
  try {
    evaluate(expression, scope);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

function firstGood(args: readonly Expression[], at: Place, scope: Scope): Value {
  const good = args.find((each) => succeeds(each, scope));
  if (good === undefined) throw new Refusal(at, 'no argument of try() has a value; add one that always has');
  return evaluate(good, scope);
}

function binary({ operator, left, right, at }: Extract<Expression, { kind: 'binary' }>, scope: Scope): Value {
  const first = evaluate(left, scope);
  return binaryOf(operator, first, evaluate(right, scope), at);
}

/** Keys of a list are its positions; maps are gone through by key, sorted. */
export function elements(value: Value, at: Place): readonly (readonly [Value, Value])[] {
  if (isList(value)) return value.map((item, position) => [position, item] as const);
  if (isMap(value)) {
    return Object.keys(value)
      .toSorted()
      .map((key) => [key, value[key] ?? null] as const);
  }
  throw new Refusal(at, `"for" goes over a list or a map, and here is ${kindOf(value)}`);
}

function forLoop(loop: ForExpression, scope: Scope): Value {
  const list: Value[] = [];
  const groups = new Map<string, Value[]>();
  for (const [key, item] of elements(evaluate(loop.over, scope), loop.at)) {
    scope.budget.step(loop.at);
    const names = [...(loop.keyName === null ? [] : [[loop.keyName, key] as const]), [loop.itemName, item] as const];
    const inner = withLocals(scope, names);
    if (loop.condition !== null && !truth(evaluate(loop.condition, inner), loop.condition.at)) continue;
    const value = evaluate(loop.value, inner);
    if (loop.key === null) list.push(value);
    else {
      const name = keyText(loop.key, inner);
      const group = groups.get(name);
      if (group !== undefined && !loop.grouped)
        throw new Refusal(loop.at, `two elements have the key "${name}"; add ... after the value to gather them`);
      if (group === undefined) groups.set(name, [value]);
      else group.push(value);
    }
  }
  if (loop.key === null) return list;
  return mapOf([...groups].map(([key, values]) => [key, loop.grouped ? values : (values[0] ?? null)] as const));
}
