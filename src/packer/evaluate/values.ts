/** Values of a template: JSON and nothing else, so that no object's prototype is ever asked for a key. */
import type { Json } from '../../domain/json.ts';

export type Value = Json;
export type ValueMap = { readonly [key: string]: Value };

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value);
export const isMap = (value: Value): value is ValueMap => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A map without a prototype: keys come from templates, and `__proto__` is one of them. */
export function mapOf(entries: Iterable<readonly [string, Value]>): ValueMap {
  const made = Object.create(null) as Record<string, Value>;
  for (const [key, value] of entries) made[key] = value;
  return made;
}

export const has = (map: ValueMap, key: string): boolean => Object.hasOwn(map, key);

/** What people call the kind of a value. */
export function kindOf(value: Value): string {
  if (value === null) return 'null';
  if (isList(value)) return 'a list';
  if (isMap(value)) return 'a map';
  return typeof value === 'boolean' ? 'true or false' : typeof value === 'number' ? 'a number' : 'a text';
}

/** As HCL2 makes text of a value in a template; null where it has none. */
export function textOf(value: Value): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'number' && Number.isFinite(value) ? numberText(value) : null;
}

/** Never in the form 1e+21: HCL2 writes whole numbers out. */
const numberText = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e21 ? BigInt(value).toString() : String(value);

/** Deep equality, as `==` has it: kinds are not brought together. */
export function equal(a: Value, b: Value): boolean {
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, index) => equal(item, b[index] ?? null));
  if (!isMap(a) || !isMap(b)) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => has(b, key) && equal(a[key] ?? null, b[key] ?? null));
}
