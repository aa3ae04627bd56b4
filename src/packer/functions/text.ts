/** Functions over text, as Packer documents them. */
import { kindOf, textOf, type Value } from '../evaluate/values.ts';
import { fn, type Args, type FunctionTable } from './arguments.ts';
import { matchAll, matchFirst, replaceAll, type Match } from './patterns.ts';

const characters = (text: string): readonly string[] => Array.from(text);

const inSet = (set: string) => (each: string) => set.includes(each);

function trimSet(text: string, set: string): string {
  const all = characters(text);
  const first = all.findIndex((each) => !inSet(set)(each));
  return first === -1 ? '' : all.slice(first, all.findLastIndex((each) => !inSet(set)(each)) + 1).join('');
}

const titled = (text: string): string =>
  text.replaceAll(/(^|\s)(\S)/g, (_, before: string, letter: string) => before + letter.toUpperCase());

/** Every repetition of a text counts before it is made. */
function repeated(args: Args, text: string, times: number): string {
  if (times * text.length > 1e6) args.refuse('makes more than a million characters');
  return text.repeat(times);
}

function indent(args: Args): string {
  const blanks = repeated(args, ' ', Math.max(0, args.whole(0)));
  const lines = args.text(1).split('\n');
  if (blanks.length * lines.length > 1e6) args.refuse('makes more than a million characters');
  return lines.map((line, position) => (position === 0 ? line : blanks + line)).join('\n');
}

function replace(args: Args): string {
  const [text, search, by] = [args.text(0), args.text(1), args.text(2)];
  if (search.length > 1 && search.startsWith('/') && search.endsWith('/')) return replaceAll(args, text, search.slice(1, -1), by);
  if (search !== '' && (text.split(search).length - 1) * by.length > 8e6) args.refuse('makes more than eight million characters');
  return text.replaceAll(search, () => by);
}

/** What Go's fmt has, for the verbs that templates use. */
const VERB = /%(%|([-+0 #]*)(\d{0,3})(?:\.(\d{1,2}))?([sdvqtfxX]))/g;

function format(args: Args, values: readonly Value[]): string {
  let used = 0;
  const made = args
    .text(0)
    .replaceAll(VERB, (whole, percent: string, flags: string, width: string, precision: string, verb: string) => {
      if (percent === '%') return '%';
      const value = values[used++];
      if (value === undefined) args.refuse(`has no argument for ${whole}`);
      const text = verbText(args, verb, value, precision);
      const signed = flags.includes('+') && /^\d/.test(text) ? `+${text}` : text;
      if (flags.includes('-')) return signed.padEnd(Number(width));
      return flags.includes('0') && verb !== 's' ? signed.padStart(Number(width), '0') : signed.padStart(Number(width));
    });
  if (used < values.length) args.refuse(`has ${values.length} values for ${used} verbs`);
  return made;
}

function verbText(args: Args, verb: string, value: Value, precision: string | undefined): string {
  const text =
    textOf(value) ?? (verb === 'v' ? JSON.stringify(value) : args.refuse(`cannot format ${kindOf(value)} with %${verb}`));
  if (verb === 'q') return JSON.stringify(text);
  if (!'dfxX'.includes(verb)) return precision !== undefined && verb === 's' ? text.slice(0, Number(precision)) : text;
  const number = Number(text);
  if (!Number.isFinite(number)) args.refuse(`cannot format ${JSON.stringify(text.slice(0, 40))} with %${verb}`);
  if (verb === 'f') return number.toFixed(Number(precision ?? '6'));
  if (verb === 'd') return String(Math.trunc(number));
  return verb === 'x' ? Math.trunc(number).toString(16) : Math.trunc(number).toString(16).toUpperCase();
}

function formatList(args: Args): Value {
  const lists = args.all.slice(1).map((value) => (Array.isArray(value) ? (value as readonly Value[]) : null));
  const length = lists.find((list) => list !== null)?.length ?? 1;
  if (lists.some((list) => list !== null && list.length !== length)) args.refuse('its lists differ in length');
  return Array.from({ length }, (_, row) =>
    format(
      args,
      lists.map((list, column) => (list === null ? args.value(column + 1) : (list[row] ?? null))),
    ),
  );
}

const matchValue = ({ whole, groups, named }: Match): Value => {
  if (named !== null) return named;
  return groups.length === 0 ? whole : groups;
};

function regex(args: Args): Value {
  const found = matchFirst(args, args.text(1), args.text(0));
  return found === null ? args.refuse('the text does not match') : matchValue(found);
}

function substr(args: Args): string {
  const all = characters(args.text(0));
  const [offset, length] = [args.whole(1), args.whole(2)];
  const start = offset < 0 ? Math.max(0, all.length + offset) : offset;
  return all.slice(start, length < 0 ? undefined : start + length).join('');
}

export const TEXT: FunctionTable = {
  chomp: fn(1, (args) => args.text(0).replace(/(?:\r?\n){1,1000}$/, '')),
  endswith: fn(2, (args) => args.text(0).endsWith(args.text(1))),
  format: fn(1, (args) => format(args, args.all.slice(1)), Number.POSITIVE_INFINITY),
  formatlist: fn(1, formatList, Number.POSITIVE_INFINITY),
  indent: fn(2, indent),
  join: fn(
    2,
    (args) =>
      args.all
        .slice(1)
        .flatMap((_, position) => args.texts(position + 1))
        .join(args.text(0)),
    Number.POSITIVE_INFINITY,
  ),
  lower: fn(1, (args) => args.text(0).toLowerCase()),
  regex: fn(2, regex),
  regex_replace: fn(3, (args) => replaceAll(args, args.text(0), args.text(1), args.text(2))),
  regexall: fn(2, (args) => matchAll(args, args.text(1), args.text(0)).map(matchValue)),
  replace: fn(3, replace),
  split: fn(2, (args) => (args.text(1) === '' ? [] : args.text(1).split(args.text(0)))),
  startswith: fn(2, (args) => args.text(0).startsWith(args.text(1))),
  strcontains: fn(2, (args) => args.text(0).includes(args.text(1))),
  strrev: fn(1, (args) => characters(args.text(0)).toReversed().join('')),
  substr: fn(3, substr),
  title: fn(1, (args) => titled(args.text(0))),
  trim: fn(2, (args) => trimSet(args.text(0), args.text(1))),
  trimprefix: fn(2, (args) => (args.text(0).startsWith(args.text(1)) ? args.text(0).slice(args.text(1).length) : args.text(0))),
  trimspace: fn(1, (args) => args.text(0).trim()),
  trimsuffix: fn(2, (args) =>
    args.text(1) !== '' && args.text(0).endsWith(args.text(1)) ? args.text(0).slice(0, -args.text(1).length) : args.text(0),
  ),
  upper: fn(1, (args) => args.text(0).toUpperCase()),
};
