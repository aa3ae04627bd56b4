/** The hash chain of the journal: how an entry is linked to the one before, and how a whole chain is checked. */
import type { Digest } from '../domain/digest.ts';
import { canonicalJson } from '../domain/json.ts';
import { sha256 } from '../platform/hash.ts';
import type { Entry, NewEntry } from './journal.ts';

/** What the first entry names as the one before it. */
export const GENESIS = `sha256:${'0'.repeat(64)}` as Digest;

/** The newest entry's place and hash. */
export interface Head {
  readonly seq: number;
  readonly hash: Digest;
}

export const EMPTY: Head = { seq: 0, hash: GENESIS };

export interface Break {
  readonly seq: number;
  readonly why: string;
}

/** The entries that follow `head`, linked, all made at `at`. */
export function link(head: Head, entries: readonly NewEntry[], at: number): readonly Entry[] {
  let { seq, hash: prev } = head;
  return entries.map(({ fleet, kind, data }) => {
    seq += 1;
    const body = { seq, at, fleet, kind, data, prev };
    prev = sha256(canonicalJson(body));
    return { ...body, hash: prev };
  });
}

/** Recomputes the chain from its beginning. Null is whole; `head` is where it must end (removed last entries are found by it). */
export function findBreak(entries: Iterable<Entry>, head: Head): Break | null {
  let before: Head = EMPTY;
  for (const entry of entries) {
    const why = misfit(entry, before);
    if (why !== null) return { seq: before.seq + 1, why };
    before = entry;
  }
  if (before.seq === head.seq && before.hash === head.hash) return null;
  return { seq: before.seq + 1, why: `the journal ends at entry ${before.seq}, but ${head.seq} were written` };
}

function misfit(entry: Entry, before: Head): string | null {
  if (entry.seq !== before.seq + 1) return `an entry is missing: after ${before.seq} comes ${entry.seq}`;
  if (entry.prev !== before.hash) return 'it does not name the hash of the entry before';
  const [again] = link(before, [entry], entry.at);
  return again?.hash === entry.hash ? null : 'its content does not have its hash';
}
