/** Times of the calendar in a time zone: cron expressions and days. Pure. */
import { Cron } from 'croner';

/** A time in which nothing new is deployed: from each `cron` on `for` so long (ms), or from the first day to the last. */
export interface Freeze {
  readonly cron?: string | undefined;
  readonly for?: number | undefined;
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly zone: string;
  readonly why: string;
}

/** What is wrong with a cron expression, in the library's words; null: nothing. */
export function expectedCron(expression: string): string | null {
  try {
    begins(expression, 'UTC');
    return null;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : 'it can not be read';
  }
}

/** A day of the calendar, such as 2026-12-20. */
export function isDay(text: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

export function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

export interface Frozen {
  /** When it is over, ms since the epoch. */
  readonly until: number;
  readonly why: string;
}

/** The freeze that holds now, of several the one that lasts longest; null: none. */
export function frozenAt(freezes: readonly Freeze[], now: number): Frozen | null {
  const holding = freezes.flatMap((freeze) => {
    const until = endOf(freeze, now);
    return until === null || until <= now ? [] : [{ until, why: freeze.why }];
  });
  return holding.toSorted((a, b) => b.until - a.until)[0] ?? null;
}

const DAY_MS = 86_400_000;

/** Of the last time that it began; null: it has not yet. */
function endOf({ cron, for: forMs = 0, from, until, zone }: Freeze, now: number): number | null {
  if (cron !== undefined) {
    const [begun] = begins(cron, zone).previousRuns(1, new Date(now + 1));
    return begun === undefined ? null : begun.getTime() + forMs;
  }
  if (from === undefined || until === undefined || midnight(from, zone) > now) return null;
  return midnight(nextDay(until), zone);
}

const begins = (expression: string, zone: string): Cron => new Cron(expression, { timezone: zone, mode: '5-part' });

const nextDay = (day: string): string => new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);

/** The first moment of the day in the zone. */
function midnight(day: string, zone: string): number {
  const asIfUtc = Date.parse(`${day}T00:00:00Z`);
  // The offset at that moment is only known from the moment: the second look sees the right one, on days of change too.
  const once = asIfUtc - offsetAt(asIfUtc, zone);
  return asIfUtc - offsetAt(once, zone);
}

/** How far the zone is ahead of UTC, in ms. */
function offsetAt(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at);
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value ?? 0);
  const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return local - Math.floor(at / 1000) * 1000;
}
