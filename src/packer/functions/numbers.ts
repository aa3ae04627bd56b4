/** Functions over numbers, as Packer documents them. */
import type { Value } from '../evaluate/values.ts';
import { fn, type Args, type FunctionTable } from './arguments.ts';

const numbers = (args: Args): readonly number[] => args.all.map((_, position) => args.number(position));

const finite = (args: Args, value: number): number =>
  Number.isFinite(value) ? value : args.refuse('has no result for these numbers');

function parseint(args: Args): Value {
  const [text, base] = [args.text(0), args.whole(1)];
  if (base < 2 || base > 36) args.refuse('its base is from 2 to 36');
  const digits = new Set('0123456789abcdefghijklmnopqrstuvwxyz'.slice(0, base));
  const plain = text.toLowerCase().replace(/^-/, '');
  if (plain === '' || plain.length > 300 || !Array.from(plain).every((each) => digits.has(each)))
    args.refuse('the text is no number of that base');
  return Number.parseInt(text, base);
}

export const NUMBERS: FunctionTable = {
  abs: fn(1, (args) => Math.abs(args.number(0))),
  ceil: fn(1, (args) => Math.ceil(args.number(0))),
  floor: fn(1, (args) => Math.floor(args.number(0))),
  log: fn(2, (args) => finite(args, Math.log(args.number(0)) / Math.log(args.number(1)))),
  max: fn(1, (args) => numbers(args).reduce((most, each) => Math.max(most, each)), Number.POSITIVE_INFINITY),
  min: fn(1, (args) => numbers(args).reduce((least, each) => Math.min(least, each)), Number.POSITIVE_INFINITY),
  parseint: fn(2, parseint),
  pow: fn(2, (args) => finite(args, args.number(0) ** args.number(1))),
  signum: fn(1, (args) => Math.sign(args.number(0))),
};
