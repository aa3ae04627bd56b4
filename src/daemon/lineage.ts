/** The lineage's state as the daemon holds it: folded from the journal at the start, and on with every append. */
import type { Digest } from '../domain/digest.ts';
import type { Revoked } from '../domain/revocation.ts';
import { LINEAGE_KINDS, lineageEventOf, type LineageEvent } from '../lineage/events.ts';
import { LAUNCH_KINDS, noLaunches, noteLaunch } from '../lineage/launches.ts';
import { foldLineage, replayLineage, revocationAt, type LineageState } from '../lineage/state.ts';
import type { Clock } from '../platform/clock.ts';
import type { Entry, Journal } from '../store/journal.ts';

export interface Lineage {
  readonly state: LineageState;
  /** When each image was last launched, ms since the epoch. */
  readonly launched: ReadonlyMap<Digest, number>;
  /** The revocation in force now. */
  readonly revoked: Revoked;
}

interface LineageEntry {
  readonly event: LineageEvent;
  readonly seq: number;
  readonly at: number;
}

export function openLineage(journal: Journal, clock: Clock): Lineage {
  const launches = noLaunches();
  const taken = (entries: Iterable<Entry>): readonly LineageEntry[] => {
    const found: LineageEntry[] = [];
    for (const entry of entries) {
      const { seq, at, fleet } = entry;
      noteLaunch(launches, entry);
      const event = fleet === null ? lineageEventOf(entry) : null;
      if (event !== null) found.push({ event, seq, at });
    }
    return found;
  };
  const kinds = new Set([...LINEAGE_KINDS, ...LAUNCH_KINDS]);
  let state = replayLineage(taken(journal.read({ kinds })));
  journal.follow((entries) => {
    for (const { event, seq, at } of taken(entries)) state = foldLineage(state, event, seq, at);
  });
  return {
    launched: launches.last,
    get state() {
      return state;
    },
    revoked: (image) => revocationAt(state, image, clock.now()),
  };
}
