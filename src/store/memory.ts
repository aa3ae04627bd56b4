/** The journal in memory: for the simulator and for tests. Same contract as SQLite's, but it lives as long as the process. */
import { EMPTY, findBreak, GENESIS, link } from './chain.ts';
import type { Entry, Journal, NewEntry } from './journal.ts';

export interface MemoryJournalOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Starts with these: another journal's `snapshot()`. */
  readonly entries?: readonly Entry[];
  /** false: hashes stay zero and `verify` finds nothing. For simulations that append by the million. */
  readonly hashing?: boolean;
}

export class MemoryJournal implements Journal {
  readonly #entries: Entry[];
  readonly #now: () => number;
  readonly #hashing: boolean;
  readonly #listeners = new Set<(entries: readonly Entry[]) => void>();

  constructor(options: MemoryJournalOptions) {
    this.#now = options.now;
    this.#entries = [...(options.entries ?? [])];
    this.#hashing = options.hashing ?? true;
  }

  append(added: readonly NewEntry[]): readonly Entry[] {
    const head = this.#entries.at(-1) ?? EMPTY;
    const at = this.#now();
    const entries = this.#hashing
      ? link(head, added, at)
      : added.map((entry, index) => ({ ...entry, seq: head.seq + index + 1, at, hash: GENESIS, prev: GENESIS }));
    this.#entries.push(...entries);
    for (const listener of this.#listeners) listener(entries);
    return entries;
  }

  *read(filter: Parameters<Journal['read']>[0] = {}): Iterable<Entry> {
    let left = filter.limit ?? Infinity;
    for (let index = filter.after ?? 0; index < this.#entries.length && left > 0; index++) {
      const entry = this.#entries[index] as Entry;
      if (filter.fleet !== undefined && entry.fleet !== filter.fleet) continue;
      if (filter.kinds?.has(entry.kind) === false) continue;
      left--;
      yield entry;
    }
  }

  newest(filter: { readonly fleet?: Entry['fleet']; readonly limit?: number } = {}): readonly Entry[] {
    const found: Entry[] = [];
    const limit = filter.limit ?? Infinity;
    for (let index = this.#entries.length - 1; index >= 0 && found.length < limit; index--) {
      const entry = this.#entries[index] as Entry;
      if (filter.fleet === undefined || entry.fleet === filter.fleet) found.push(entry);
    }
    return found;
  }

  follow(listener: (entries: readonly Entry[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  verify(): { readonly seq: number; readonly why: string } | null {
    return this.#hashing ? findBreak(this.#entries, this.#entries.at(-1) ?? EMPTY) : null;
  }

  /** All entries as they are now; later appends do not show in it. */
  snapshot(): readonly Entry[] {
    return [...this.#entries];
  }
}
