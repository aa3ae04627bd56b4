/** The lineage's state as the daemon holds it: folded from the journal at the start, and on with every append. */
import type { Revoked } from '../domain/revocation.ts';
import { lineageEventOf } from '../lineage/events.ts';
import { EMPTY_LINEAGE, foldLineage, revocationAt, type LineageState } from '../lineage/state.ts';
import type { Clock } from '../platform/clock.ts';
import type { Entry, Journal } from '../store/journal.ts';

export interface Lineage {
  readonly state: LineageState;
  /** The revocation in force now. */
  readonly revoked: Revoked;
}

export function openLineage(journal: Journal, clock: Clock): Lineage {
  let state = EMPTY_LINEAGE;
  const take = ({ seq, at, ...entry }: Entry): void => {
    const event = entry.fleet === null ? lineageEventOf(entry) : null;
    if (event !== null) state = foldLineage(state, event, seq, at);
  };
  for (const entry of journal.read()) take(entry);
  journal.follow((entries) => {
    for (const entry of entries) take(entry);
  });
  return {
    get state() {
      return state;
    },
    revoked: (image) => revocationAt(state, image, clock.now()),
  };
}
