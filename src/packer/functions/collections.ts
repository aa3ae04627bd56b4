/** Functions over lists and maps, as Packer documents them. */
import { equal, has, isList, isMap, kindOf, mapOf, textOf, type Value, type ValueMap } from '../evaluate/values.ts';
import { memberOf } from '../evaluate/evaluate.ts';
import { fn, type Args, type FunctionTable } from './arguments.ts';

const ANY = Number.POSITIVE_INFINITY;
const MOST_ELEMENTS = 100_000;

/** What a list is looked up by, so that a set takes no time that grows with its square. */
const keyOf = (value: Value): string => JSON.stringify(value);

const distinct = (values: readonly Value[]): readonly Value[] => [
  ...new Map(values.map((value) => [keyOf(value), value])).values(),
];

const lists = (args: Args): readonly (readonly Value[])[] => args.all.map((_, position) => args.list(position));

const merged = (args: Args): ValueMap =>
  mapOf(args.all.flatMap((value, position) => (value === null ? [] : Object.entries(args.map(position)))));

function few(args: Args, count: number): void {
  if (!(count <= MOST_ELEMENTS)) args.refuse(`makes more than ${MOST_ELEMENTS} elements`);
  args.call.budget.step(args.call.at, Math.ceil(count));
}

function range(args: Args): Value {
  const [first, second] = [args.number(0), args.count > 1 ? args.number(1) : null];
  const [start, end] = second === null ? [0, first] : [first, second];
  const step = args.count > 2 ? args.number(2) : end < start ? -1 : 1;
  if (step === 0 || (end - start) * step < 0) return args.refuse('its step leads away from its end');
  const count = Math.ceil((end - start) / step);
  few(args, count);
  return Array.from({ length: count }, (_, position) => start + position * step);
}

function flattened(args: Args, values: readonly Value[]): readonly Value[] {
  args.call.budget.step(args.call.at, values.length);
  return values.flatMap((value) => (isList(value) ? flattened(args, value) : [value]));
}

function product(args: Args): Value {
  const all = lists(args);
  few(args, all.reduce((count, list) => count * list.length, 1) * all.length);
  return all.reduce<readonly (readonly Value[])[]>(
    (made, list) => made.flatMap((row) => list.map((item) => [...row, item])),
    [[]],
  );
}

function lookup(args: Args): Value {
  const [map, key] = [args.map(0), args.text(1)];
  if (has(map, key)) return map[key] ?? null;
  return args.count > 2 ? args.value(2) : args.refuse(`the map has no "${key}", and no default is given`);
}

function length(args: Args): Value {
  const value = args.value(0);
  if (typeof value === 'string') return Array.from(value).length;
  return isList(value) ? value.length : Object.keys(args.map(0)).length;
}

function sorted(args: Args): Value {
  return args.texts(0).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function zipmap(args: Args): Value {
  const [keys, values] = [args.texts(0), args.list(1)];
  if (keys.length !== values.length) args.refuse('its lists differ in length');
  return mapOf(keys.map((key, position) => [key, values[position] ?? null] as const));
}

function element(args: Args): Value {
  const [list, position] = [args.list(0), args.whole(1)];
  if (list.length === 0) args.refuse('the list is empty');
  return list[((position % list.length) + list.length) % list.length] ?? null;
}

const first = (args: Args, good: (value: Value) => boolean, what: string): Value => {
  const found = args.all.find(good);
  return found === undefined ? args.refuse(`no argument is ${what}`) : found;
};

function bool(args: Args): Value {
  const value = args.value(0);
  if (value === null || typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  return args.refuse(`cannot make true or false of ${kindOf(value)}`);
}

/** A set keeps no order; sorted, it is the same at each import. */
function asSet(args: Args): Value {
  const items = distinct(args.list(0));
  return items.every((item) => typeof item === 'string') ? items.toSorted() : items;
}

const without = (args: Args): readonly Value[] => {
  const away = new Set(args.list(1).map(keyOf));
  return args.list(0).filter((item) => !away.has(keyOf(item)));
};

const within = (args: Args): readonly Value[] => {
  const others = args.all.slice(1).map((_, position) => new Set(args.list(position + 1).map(keyOf)));
  return distinct(args.list(0).filter((item) => others.every((other) => other.has(keyOf(item)))));
};

function chunks(args: Args): Value {
  const [list, size] = [args.list(0), args.whole(1)];
  if (size < 1) args.refuse('its size must be at least 1');
  return Array.from({ length: Math.ceil(list.length / size) }, (_, row) => list.slice(row * size, (row + 1) * size));
}

const values = (map: ValueMap): readonly Value[] =>
  Object.keys(map)
    .toSorted()
    .map((key) => map[key] ?? null);

export const COLLECTIONS: FunctionTable = {
  alltrue: fn(1, (args) => args.list(0).every((item) => item === true || item === 'true')),
  anytrue: fn(1, (args) => args.list(0).some((item) => item === true || item === 'true')),
  chunklist: fn(2, chunks),
  coalesce: fn(1, (args) => first(args, (value) => value !== null && value !== '', 'anything but null or empty'), ANY),
  coalescelist: fn(1, (args) => first(args, (value) => isList(value) && value.length > 0, 'a list with anything in it'), ANY),
  compact: fn(1, (args) => args.texts(0).filter((text) => text !== '')),
  concat: fn(1, (args) => lists(args).flat(), ANY),
  contains: fn(2, (args) => args.list(0).some((item) => equal(item, args.value(1)))),
  distinct: fn(1, (args) => distinct(args.list(0))),
  element: fn(2, element),
  flatten: fn(1, (args) => flattened(args, args.list(0))),
  index: fn(2, (args) => {
    const of = args.value(0);
    if (!isList(of)) return memberOf(of, args.value(1), args.call.at);
    const found = of.findIndex((item) => equal(item, args.value(1)));
    return found === -1 ? args.refuse('the list has no such element') : found;
  }),
  keys: fn(1, (args) => Object.keys(args.map(0)).toSorted()),
  length: fn(1, length),
  lookup: fn(2, lookup, 3),
  merge: fn(1, merged, ANY),
  range: fn(1, range, 3),
  reverse: fn(1, (args) => args.list(0).toReversed()),
  setintersection: fn(1, within, ANY),
  setproduct: fn(1, product, ANY),
  setsubtract: fn(2, without),
  setunion: fn(1, (args) => distinct(lists(args).flat()), ANY),
  slice: fn(3, (args) => args.list(0).slice(args.whole(1), args.whole(2))),
  sort: fn(1, sorted),
  sum: fn(1, (args) =>
    args.list(0).reduce<number>((total, item) => total + Number(textOf(item) ?? args.refuse('it adds numbers only')), 0),
  ),
  tobool: fn(1, bool),
  tolist: fn(1, (args) => (isMap(args.value(0)) ? values(args.map(0)) : args.list(0))),
  tomap: fn(1, (args) => args.map(0)),
  tonumber: fn(1, (args) => (args.value(0) === null ? null : args.number(0))),
  toset: fn(1, asSet),
  tostring: fn(1, (args) => (args.value(0) === null ? null : args.text(0))),
  values: fn(1, (args) => values(args.map(0))),
  zipmap: fn(2, zipmap),
};
