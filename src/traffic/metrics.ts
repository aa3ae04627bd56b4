/**
 * Metrics of each group, summed up over HAProxy's lives. Each worker counts from 0; what it counted when it was last read is
 * kept beside the sums, so that every reading adds only what is new, also after a restart of the daemon.
 */
import { isGroupId, type FleetId, type GroupId } from '../domain/ids.ts';
import type { GroupMetrics } from '../engines/engine.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import { BOUNDS_MS, METRICS_TABLE } from './buckets.ts';
import type { Master } from './master.ts';
import type { TrafficPaths } from './paths.ts';
import { startTime } from './process.ts';
import { groupOfRoute, parseBackend } from './routes.ts';
import type { Fleets } from './slots.ts';
import { parseStat, type StatRow } from './stat.ts';

/** By counter: `2|15` answers of class 2xx within 15 ms, `failed` those that HAProxy had to give itself. */
type Counts = Record<string, number>;

/** By the counter's name in HAProxy. */
type Reading = Readonly<Record<string, number>>;

interface Book {
  readonly sums: Record<string, Counts>;
  /** By worker: pid and start time. */
  readonly readings: Record<string, Reading>;
}

export class Metrics {
  readonly #file: string;
  #book: Book;

  private constructor(file: string, book: Book) {
    this.#file = file;
    this.#book = book;
  }

  /** A damaged book begins anew: metrics are worth less than a daemon that starts. */
  static async open(paths: TrafficPaths): Promise<Metrics> {
    const text = await readIfThere(paths.metrics);
    return new Metrics(paths.metrics, parseBook(text) ?? { sums: {}, readings: {} });
  }

  /** Reads every worker and adds what is new. `fleets`: who sits in which slot since the last reading. */
  async collect(master: Master, fleets: Fleets): Promise<void> {
    const { current, old } = await master.workers();
    const readings: Record<string, Reading> = {};
    const sums = structuredClone(this.#book.sums);
    for (const pid of current === null ? old : [current, ...old]) {
      const key = `${pid}.${await startTime(pid)}`;
      const reading = await read(master, pid).catch((error: unknown) => {
        if (pid === current) throw error;
        return null; // An old worker may have ended since it was listed.
      });
      if (reading === null) continue;
      add(sums, reading, this.#book.readings[key] ?? {}, fleets);
      readings[key] = reading;
    }
    const known = new Set([...fleets.values()].flatMap((fleet) => fleet.slots));
    const kept = Object.fromEntries(Object.entries(sums).filter(([group]) => isGroupId(group) && known.has(group)));
    await this.#save({ sums: kept, readings });
  }

  of(fleet: FleetId, fleets: Fleets): readonly GroupMetrics[] {
    const groups = fleets.get(fleet)?.table.groups ?? [];
    return groups.map(({ group }) => asMetrics(group, this.#book.sums[group] ?? {}));
  }

  async #save(book: Book): Promise<void> {
    const before = JSON.stringify(this.#book);
    this.#book = book;
    const text = JSON.stringify(book);
    if (text !== before) await writeFileAtomic(this.#file, text);
  }
}

/** The statistics first: an answer counted only there would look like one that HAProxy gave itself. */
async function read(master: Master, pid: number): Promise<Reading> {
  const worker = master.worker(pid);
  const rows = parseStat(await worker.query('show stat'));
  const counters = parseTable(await worker.query(`show table ${METRICS_TABLE}`));
  return { ...counters, ...ownAnswers(rows, counters) };
}

/** `0x…: key=web.local:s0|web.local.r7|2|15 use=0 exp=0 gpc0=42` a line. */
export function parseTable(text: string): Reading {
  return Object.fromEntries(
    [...text.matchAll(/ key=(\S+) .*\bgpc0=(\d+)/g)].map(([, key = '', count = '0']) => [key, Number(count)]),
  );
}

/** By slot, as `failed|web.local|3`: all answers of class 5xx, less those that came from an instance. */
export function ownAnswers(rows: readonly StatRow[], counters: Reading): Reading {
  const failed: Counts = {};
  const bump = (backend: string, by: number): void => {
    const parsed = parseBackend(backend);
    if (parsed === null) return;
    const key = `failed|${parsed.fleet}|${parsed.slot}`;
    failed[key] = (failed[key] ?? 0) + by;
  };
  for (const row of rows) if (row.name === 'BACKEND') bump(row.backend, row.answers5xx);
  for (const [key, count] of Object.entries(counters)) {
    const { route, counter } = splitKey(key);
    if (counter.startsWith('5|')) bump(route.split('|')[0] ?? '', -count);
  }
  return failed;
}

function splitKey(key: string): { readonly route: string; readonly counter: string } {
  const parts = key.split('|');
  return { route: parts.slice(0, -2).join('|'), counter: parts.slice(-2).join('|') };
}

function add(sums: Record<string, Counts>, reading: Reading, before: Reading, fleets: Fleets): void {
  for (const [key, value] of Object.entries(reading)) {
    const counted = counterOf(key, fleets);
    if (counted === null) continue;
    const last = before[key] ?? 0;
    // A counter that is less than before was evicted from the table and began anew. Failures are a difference: they may fall.
    const more = value >= last || counted.counter === 'failed' ? value - last : value;
    const counts = (sums[counted.group] ??= {});
    counts[counted.counter] = (counts[counted.counter] ?? 0) + more;
  }
}

/** Null for what belongs to no group: previews, relays, slots that are free again. */
function counterOf(key: string, fleets: Fleets): { readonly group: GroupId; readonly counter: string } | null {
  const [kind, fleet, slot] = key.split('|');
  if (kind === 'failed') {
    const group = fleets.get(fleet as FleetId)?.slots[Number(slot)];
    return group === undefined || group === null ? null : { group, counter: 'failed' };
  }
  const { route, counter } = splitKey(key);
  const routed = groupOfRoute(route);
  return routed === null || routed.preview ? null : { group: routed.group, counter };
}

function asMetrics(group: GroupId, counts: Counts): GroupMetrics {
  const classes = (digit: string): number =>
    Object.entries(counts).reduce((sum, [counter, count]) => (counter.startsWith(`${digit}|`) ? sum + count : sum), 0);
  const status = {
    '1xx': classes('1'),
    '2xx': classes('2'),
    '3xx': classes('3'),
    '4xx': classes('4'),
    '5xx': classes('5'),
    failed: Math.max(0, counts['failed'] ?? 0),
  };
  const within = (bucket: string): number =>
    Object.entries(counts).reduce((sum, [counter, count]) => (counter.split('|')[1] === bucket ? sum + count : sum), 0);
  const closed = BOUNDS_MS.map((le) => ({ le, count: within(String(le)) }));
  const requests = Object.values(status).reduce((sum, count) => sum + count, 0);
  return { group, requests, status, latencyMs: [...closed, { le: Number.POSITIVE_INFINITY, count: within('inf') }] };
}

function parseBook(text: string | null): Book | null {
  if (text === null) return null;
  try {
    const book = JSON.parse(text) as Partial<Book>;
    return typeof book.sums === 'object' && typeof book.readings === 'object'
      ? { sums: book.sums, readings: book.readings }
      : null;
  } catch {
    return null;
  }
}
