/** Where two JSON values differ, member by member. Pure. */
import { isDeepStrictEqual } from 'node:util';

import type { Json } from '../domain/json.ts';
import type { Change } from './contract.ts';

type Found = Pick<Change, 'where' | 'first' | 'second'>;
type JsonObject = { readonly [key: string]: Json };

/**
 * Members of objects are compared one by one, and those of lists whose items have a name or path of their own by that; all
 * else is one value. A member that is not there is null.
 */
export function changesBetween(first: Json, second: Json, where: readonly string[] = []): readonly Found[] {
  if (isDeepStrictEqual(first, second)) return [];
  const [left, right] = [membersOf(first), membersOf(second)];
  if (left === null || right === null) return [{ where, first, second }];
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return keys.flatMap((key) => changesBetween(at(left, key), at(right, key), [...where, key]));
}

/** Keys come from strangers' images, too: `constructor` is one like any other. */
const at = (members: JsonObject, key: string): Json => (Object.hasOwn(members, key) ? (members[key] ?? null) : null);

function membersOf(value: Json): JsonObject | null {
  if (value === null || typeof value !== 'object') return null;
  if (!isList(value)) return value;
  const named = value.map((item) => [nameOf(item), item] as const);
  const names = new Set(named.map(([name]) => name));
  if (names.has(null) || names.size < named.length) return null;
  return Object.fromEntries(named);
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

function nameOf(item: Json): string | null {
  if (item === null || typeof item !== 'object' || isList(item)) return null;
  const name = at(item, 'name') ?? at(item, 'path');
  return typeof name === 'string' ? name : null;
}
