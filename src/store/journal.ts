/**
 * The journal: an append-only, hash-chained list of everything that Kiln was told, decided and did (law 9). All state of
 * fleets is a fold over it. The interface is here; SQLite's is in sqlite.ts, the simulator's in memory.
 */
import type { Digest } from '../domain/digest.ts';
import type { FleetId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';

/** What is appended. `data` is JSON; `kind` names its shape (`deploy.requested`, `step.intent`, …). */
export interface NewEntry {
  readonly fleet: FleetId | null;
  readonly kind: string;
  readonly data: Json;
}

export interface Entry extends NewEntry {
  /** Counts from 1, without gaps. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** sha256 over the canonical JSON of {seq, at, fleet, kind, data, prev}; `prev` is the entry before, or 64 zeroes. */
  readonly hash: Digest;
  readonly prev: Digest;
}

export interface Journal {
  /** Durable when it returns, all or none, in this order. Synchronous: nothing can come between a decision and its record. */
  append(entries: readonly NewEntry[]): readonly Entry[];
  /** In order; `after` is exclusive. `kinds`: only entries of these, the others are not even read. */
  read(filter?: {
    readonly fleet?: FleetId;
    readonly kinds?: ReadonlySet<string>;
    readonly after?: number;
    readonly limit?: number;
  }): Iterable<Entry>;
  /** The newest entries first. */
  newest(filter?: { readonly fleet?: FleetId; readonly limit?: number }): readonly Entry[];
  /** Calls back after each append, with what was appended. Returns the way to stop. */
  follow(listener: (entries: readonly Entry[]) => void): () => void;
  /** Recomputes the chain. Null is whole; otherwise the first entry that does not fit and why. */
  verify(): { readonly seq: number; readonly why: string } | null;
}
