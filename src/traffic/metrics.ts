/**
 * Metrics of each group, summed up over HAProxy's lives. Each worker counts from 0; what it counted when it was last read is
 * kept beside the sums, so that every reading adds only what is new, also after a restart of the daemon.
 */
import { isGroupId, type FleetId, type GroupId } from '../domain/ids.ts';
import type { Answered, GroupMetrics } from '../engines/engine.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import { BOUNDS_MS, METRICS_TABLE } from './buckets.ts';
import type { Master } from './master.ts';
import type { TrafficPaths } from './paths.ts';
import { startTime } from './process.ts';
import { groupOfRoute, parseBackend, WRITES_MARK, type Whose } from './routes.ts';
import type { Fleets, RoutedFleet } from './slots.ts';
import { parseStat, type StatRow } from './stat.ts';

/** By counter: `reads|2|15` answers of class 2xx within 15 ms, `reads|failed` those that HAProxy had to give itself. */
type Counts = Record<string, number>;

/** By the counter's name in HAProxy. */
type Reading = Readonly<Record<string, number>>;

/** A book of another form begins anew. */
const FORM = 2;

interface Book {
  readonly form: typeof FORM;
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
    return new Metrics(paths.metrics, parseBook(text) ?? { form: FORM, sums: {}, readings: {} });
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
    await this.#save({ form: FORM, sums: kept, readings });
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

/**
 * Answers of class 5xx less those that came from an instance: of a slot's lanes as `failed|web.local|3|reads`, of the doors
 * that are no client's as `failed|web.local|preview`.
 */
export function ownAnswers(rows: readonly StatRow[], counters: Reading): Reading {
  const failed: Counts = {};
  const bump = (key: string, by: number): void => {
    failed[key] = (failed[key] ?? 0) + by;
  };
  for (const { backend, name, answers5xx } of rows) {
    const slot = name === 'BACKEND' ? parseBackend(backend) : null;
    const [fleet, door] = backend.split(':');
    if (slot !== null) bump(`failed|${slot.fleet}|${slot.slot}|${slot.lane}`, answers5xx);
    else if (name === 'FRONTEND' && (door === 'preview' || door === 'mirror')) bump(`failed|${fleet}|${door}`, answers5xx);
  }
  for (const [key, count] of Object.entries(counters)) {
    const { route, counter } = splitKey(key);
    const routed = groupOfRoute(route);
    const slot = parseBackend(route.split('|')[0] ?? '');
    if (routed === null || slot === null || !counter.startsWith('5|')) continue;
    const { whose } = routed;
    bump(`failed|${slot.fleet}|${slot.slot}|${route.endsWith(WRITES_MARK) ? 'writes' : 'reads'}`, -count);
    if (whose === 'preview' || whose === 'mirror') bump(`failed|${slot.fleet}|${whose}`, -count);
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
    const more = value >= last || counted.counter.endsWith('|failed') ? value - last : value;
    const counts = (sums[counted.group] ??= {});
    counts[counted.counter] = (counts[counted.counter] ?? 0) + more;
  }
}

/** Null for what belongs to no group: relays, slots that are free again. */
function counterOf(key: string, fleets: Fleets): { readonly group: GroupId; readonly counter: string } | null {
  if (key.startsWith('failed|')) {
    const [, id, where = '', lane] = key.split('|');
    const fleet = fleets.get(id as FleetId);
    const group = fleet === undefined ? null : failedAt(fleet, where);
    return group === null ? null : { group, counter: `${lane ?? where}|failed` };
  }
  const { route, counter } = splitKey(key);
  const routed = groupOfRoute(route);
  return routed === null ? null : { group: routed.group, counter: `${routed.whose}|${counter}` };
}

/** The group behind a door that is no client's, or in a slot. */
function failedAt({ table, slots }: RoutedFleet, where: string): GroupId | null {
  if (where === 'mirror') return table.canary?.group ?? null;
  return (where === 'preview' ? table.preview?.group : slots[Number(where)]) ?? null;
}

/** A slot's own answers are to whoever asked: those to previews and copies are known by their doors. */
function asMetrics(group: GroupId, counts: Counts): GroupMetrics {
  const own = (whose: Whose): number => counts[`${whose}|failed`] ?? 0;
  const ownReads = own('reads') - own('mirror') - own('preview');
  return {
    group,
    ...answered(counts, ['reads', 'writes'], ownReads + own('writes')),
    safe: answered(counts, ['reads'], ownReads),
    mirrored: answered(counts, ['mirror'], own('mirror')),
  };
}

/** `own`: answers that HAProxy gave in their place. */
function answered(counts: Counts, whose: readonly Whose[], own: number): Answered {
  const total = (matches: (name: string, bucket: string) => boolean): number =>
    Object.entries(counts).reduce((sum, [counter, count]) => {
      const [who, name = '', bucket = ''] = counter.split('|');
      return whose.some((each) => each === who) && matches(name, bucket) ? sum + count : sum;
    }, 0);
  const classes = (digit: string): number => total((name) => name === digit);
  const status = {
    '1xx': classes('1'),
    '2xx': classes('2'),
    '3xx': classes('3'),
    '4xx': classes('4'),
    '5xx': classes('5'),
    failed: Math.max(0, own),
  };
  const bounds = [...BOUNDS_MS.map((le) => [le, String(le)] as const), [Number.POSITIVE_INFINITY, 'inf'] as const];
  const latencyMs = bounds.map(([le, name]) => ({ le, count: total((_, bucket) => bucket === name) }));
  const requests = Object.values(status).reduce((sum, count) => sum + count, 0);
  return { requests, status, latencyMs };
}

function parseBook(text: string | null): Book | null {
  if (text === null) return null;
  try {
    const book = JSON.parse(text) as Partial<Book>;
    return book.form === FORM && typeof book.sums === 'object' && typeof book.readings === 'object'
      ? { form: FORM, sums: book.sums, readings: book.readings }
      : null;
  } catch {
    return null;
  }
}
