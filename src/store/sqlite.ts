/**
 * The journal on SQLite: one append is one durable transaction. Owns the database file and nothing else: what entries mean
 * is their writers' affair.
 */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

import type { Digest } from '../domain/digest.ts';
import type { FleetId } from '../domain/ids.ts';
import { canonicalJson, type Json } from '../domain/json.ts';
import type { Clock } from '../platform/clock.ts';
import { EMPTY, findBreak, link, type Break, type Head } from './chain.ts';
import type { Entry, Journal, NewEntry } from './journal.ts';
import { migrate } from './migrations.ts';
import { asStoreError } from './trouble.ts';

const BUSY_MS = 5000;
const PAGE = 500;

type Filter = NonNullable<Parameters<Journal['read']>[0]>;

export interface SqliteJournal extends Journal {
  close(): void;
}

/** Opens or makes the database. Throws STORE_UNREADABLE for what is not a sound Kiln database; DISK_FULL where there is no room. */
export function openJournal(file: string, clock: Clock): SqliteJournal {
  return guarded(file, () => {
    privateFile(file);
    const db = new DatabaseSync(file, { timeout: BUSY_MS });
    try {
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
      migrate(db, file);
      return journalOn(db, file, clock);
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** The same as the journal's `verify`, as of now, through a connection of its own that writes nothing. */
export function verifyFile(file: string): Break | null {
  return guarded(file, () => {
    const db = new DatabaseSync(file, { timeout: BUSY_MS, readOnly: true });
    try {
      db.exec('BEGIN');
      return findBreak(pages(db, file, {}), readHead(db));
    } finally {
      db.close();
    }
  });
}

/** SQLite's own files beside it (-wal, -shm) take the mode of the database. */
function privateFile(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

function guarded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asStoreError(error, file);
  }
}

function journalOn(db: DatabaseSync, file: string, clock: Clock): SqliteJournal {
  const listeners = new Set<(entries: readonly Entry[]) => void>();
  const insert = db.prepare('INSERT INTO entries (seq, at, fleet, kind, data, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?)');
  const moveHead = db.prepare('UPDATE head SET seq = ?, hash = ?');

  const write = (entries: readonly NewEntry[]): readonly Entry[] =>
    transaction(db, () => {
      const made = link(readHead(db), entries, clock.now());
      for (const { seq, at, fleet, kind, data, prev, hash } of made) {
        insert.run(seq, at, fleet, kind, canonicalJson(data), prev, hash);
      }
      const last = made.at(-1);
      if (last !== undefined) moveHead.run(last.seq, last.hash);
      return made;
    });

  return {
    append(entries) {
      const made = guarded(file, () => write(entries));
      for (const listener of listeners) listener(made);
      return made;
    },
    read: (filter = {}) => pages(db, file, filter),
    newest: ({ fleet, limit = PAGE } = {}) =>
      guarded(file, () => select(db, 'ORDER BY seq DESC LIMIT ?', fleet === undefined ? {} : { fleet }, [limit])),
    follow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    verify: () => guarded(file, () => findBreak(pages(db, file, {}), readHead(db))),
    close: () => db.close(),
  };
}

function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK'); // SQLite itself rolls back on a full disk.
    throw error;
  }
}

function readHead(db: DatabaseSync): Head {
  const row = db.prepare('SELECT seq, hash FROM head').get();
  return row === undefined ? EMPTY : { seq: Number(row['seq']), hash: row['hash'] as Digest };
}

/** By pages, so that no statement stays open while the reader works: appends and other reads may come between. */
function* pages(db: DatabaseSync, file: string, filter: Filter): Iterable<Entry> {
  let { after = 0, limit: left = Number.POSITIVE_INFINITY } = filter;
  while (left > 0) {
    const wanted = Math.min(PAGE, left);
    const page = guarded(file, () => select(db, 'ORDER BY seq LIMIT ?', { ...filter, after }, [wanted]));
    yield* page;
    if (page.length < wanted) return;
    left -= page.length;
    after = page.at(-1)?.seq ?? after;
  }
}

function select(db: DatabaseSync, order: string, filter: Filter, orderValues: readonly SQLInputValue[]): readonly Entry[] {
  const conditions: string[] = [];
  const values: SQLInputValue[] = [];
  if (filter.after !== undefined) {
    conditions.push('seq > ?');
    values.push(filter.after);
  }
  if (filter.fleet !== undefined) {
    conditions.push('fleet = ?');
    values.push(filter.fleet);
  }
  if (filter.kinds !== undefined) {
    conditions.push(`kind IN (${[...filter.kinds].map(() => '?').join(', ')})`);
    values.push(...filter.kinds);
  }
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  return db
    .prepare(`SELECT * FROM entries ${where} ${order}`)
    .all(...values, ...orderValues)
    .map(entryOf);
}

function entryOf(row: Record<string, unknown>): Entry {
  return {
    seq: Number(row['seq']),
    at: Number(row['at']),
    fleet: row['fleet'] as FleetId | null,
    kind: row['kind'] as string,
    data: dataOf(row['data'] as string),
    prev: row['prev'] as Digest,
    hash: row['hash'] as Digest,
  };
}

/** Text that a tamperer left malformed is given as it is: it can't have the entry's hash, and `verify` must reach it. */
function dataOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
