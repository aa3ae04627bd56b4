/** The operators of HCL2. Text that is a number counts as one, as there. */
import { Refusal, type Place } from '../problems.ts';
import { equal, kindOf, type Value } from './values.ts';

const NUMBERS: Readonly<Record<string, (a: number, b: number) => number | boolean>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
};

export function binaryOf(operator: string, left: Value, right: Value, at: Place): Value {
  if (operator === '==') return equal(left, right);
  if (operator === '!=') return !equal(left, right);
  if (operator === '&&') return boolean(left, at) && boolean(right, at);
  if (operator === '||') return boolean(left, at) || boolean(right, at);
  const result = NUMBERS[operator]?.(number(left, at), number(right, at)) ?? Number.NaN;
  if (typeof result === 'number' && !Number.isFinite(result))
    throw new Refusal(at, `"${operator}" has no result for these numbers`);
  return result;
}

export const unaryOf = (operator: '-' | '!', of: Value, at: Place): Value =>
  operator === '-' ? -number(of, at) : !boolean(of, at);

export function number(value: Value, at: Place): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && /^-?\d{1,300}(?:\.\d{1,300})?$/.test(value)) return Number(value);
  throw new Refusal(at, `expected a number, found ${kindOf(value)}`);
}

function boolean(value: Value, at: Place): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new Refusal(at, `expected true or false, found ${kindOf(value)}`);
}
