/** Functions over times. "Now" is the moment of the import: a recipe says the same for ever. */
import type { Place } from '../problems.ts';
import { fn, type Args, type FunctionTable } from './arguments.ts';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');

const two = (value: number): string => String(value).padStart(2, '0');

/** The tokens of HCL2's formatdate. */
const TOKENS: Readonly<Record<string, (date: Date) => string>> = {
  YYYY: (date) => String(date.getUTCFullYear()),
  YY: (date) => two(date.getUTCFullYear() % 100),
  MMMM: (date) => MONTHS[date.getUTCMonth()] ?? '',
  MMM: (date) => (MONTHS[date.getUTCMonth()] ?? '').slice(0, 3),
  MM: (date) => two(date.getUTCMonth() + 1),
  M: (date) => String(date.getUTCMonth() + 1),
  DD: (date) => two(date.getUTCDate()),
  D: (date) => String(date.getUTCDate()),
  EEEE: (date) => DAYS[date.getUTCDay()] ?? '',
  EEE: (date) => (DAYS[date.getUTCDay()] ?? '').slice(0, 3),
  hh: (date) => two(date.getUTCHours()),
  h: (date) => String(date.getUTCHours()),
  HH: (date) => two(date.getUTCHours() % 12 || 12),
  H: (date) => String(date.getUTCHours() % 12 || 12),
  AA: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  aa: (date) => (date.getUTCHours() < 12 ? 'am' : 'pm'),
  mm: (date) => two(date.getUTCMinutes()),
  m: (date) => String(date.getUTCMinutes()),
  ss: (date) => two(date.getUTCSeconds()),
  s: (date) => String(date.getUTCSeconds()),
  ZZZZZ: () => '+00:00',
  ZZZZ: () => '+0000',
  ZZZ: () => 'UTC',
  Z: () => 'Z',
};

function formatDate(args: Args): string {
  const date = dateOf(args, 1);
  return args.text(0).replaceAll(/'((?:[^']|'')*)'|([A-Za-z])\2*/g, (run, quoted: string | undefined) => {
    if (quoted !== undefined) return quoted.replaceAll("''", "'");
    return TOKENS[run]?.(date) ?? args.refuse(`does not know "${run}" in its format; put plain text between single quotes`);
  });
}

function dateOf(args: Args, position: number): Date {
  const text = args.text(position);
  const date = new Date(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : Number.NaN);
  return Number.isNaN(date.getTime()) ? args.refuse('expects a time such as 2026-01-31T12:00:00Z') : date;
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

function timeAdd(args: Args): string {
  const duration = args.text(1);
  if (!/^-?(?:\d{1,9}(?:\.\d{1,9})?(?:h|ms|m|s)){1,4}$/.test(duration)) args.refuse('expects a duration such as 1h30m');
  let added = 0;
  for (const [, count, unit] of duration.matchAll(/([\d.]+)(h|ms|m|s)/g)) added += Number(count) * (UNITS[unit ?? ''] ?? 0);
  return secondsText(new Date(dateOf(args, 0).getTime() + (duration.startsWith('-') ? -added : added)));
}

const secondsText = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');

/** The tokens of Go's reference time, 2006-01-02T15:04:05Z07:00. */
const GO_TOKENS: Readonly<Record<string, string>> = {
  '2006': 'YYYY',
  '06': 'YY',
  January: 'MMMM',
  Jan: 'MMM',
  '01': 'MM',
  '02': 'DD',
  Monday: 'EEEE',
  Mon: 'EEE',
  '15': 'hh',
  '03': 'HH',
  PM: 'AA',
  pm: 'aa',
  '04': 'mm',
  '05': 'ss',
  'Z07:00': 'Z',
  MST: 'ZZZ',
  '-0700': 'ZZZZ',
  '-07:00': 'ZZZZZ',
};

/** As Packer's isotime: RFC 3339 without a format, else the layout of Go's reference time. */
export function isotime(nowMs: number, layout: string | null): string {
  const date = new Date(nowMs);
  if (layout === null || layout === '') return secondsText(date);
  return layout.replaceAll(
    /2006|January|Jan|Monday|Mon|MST|Z07:00|-07:00|-0700|PM|pm|0[1-6]|15/g,
    (run) => TOKENS[GO_TOKENS[run] ?? '']?.(date) ?? run,
  );
}

export const DATES: FunctionTable = {
  formatdate: fn(2, formatDate),
  timeadd: fn(2, timeAdd),
};

/** Those that ask what time it is. `asked` is told of each. */
export const clockFunctions = (nowMs: number, asked: (at: Place) => void): FunctionTable => ({
  isotime: fn(0, (args) => isotimeOf(args, nowMs, asked), 1),
  legacy_isotime: fn(0, (args) => isotimeOf(args, nowMs, asked), 1),
  timestamp: fn(0, (args) => {
    asked(args.call.at);
    return secondsText(new Date(nowMs));
  }),
});

function isotimeOf(args: Args, nowMs: number, asked: (at: Place) => void): string {
  asked(args.call.at);
  return isotime(nowMs, args.count === 0 ? null : args.text(0));
}
