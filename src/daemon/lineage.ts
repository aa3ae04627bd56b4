/** The lineage's state as the daemon holds it: folded from the journal at the start, and on with every append. */
import type { Digest } from '../domain/digest.ts';
import type { Revoked } from '../domain/revocation.ts';
import { LINEAGE_KINDS, lineageEventOf } from '../lineage/events.ts';
import { LAUNCH_KINDS, noLaunches, noteLaunch } from '../lineage/launches.ts';
import { EMPTY_LINEAGE, foldLineage, revocationAt, type LineageState } from '../lineage/state.ts';
import type { Clock } from '../platform/clock.ts';
import type { Entry, Journal } from '../store/journal.ts';

export interface Lineage {
  readonly state: LineageState;
  /** When each image was last launched, ms since the epoch. */
  readonly launched: ReadonlyMap<Digest, number>;
  /** The revocation in force now. */
  readonly revoked: Revoked;
}

export function openLineage(journal: Journal, clock: Clock): Lineage {
  let state = EMPTY_LINEAGE;
  const launches = noLaunches();
  const take = (entry: Entry): void => {
    const { seq, at } = entry;
    noteLaunch(launches, entry);
    const event = entry.fleet === null ? lineageEventOf(entry) : null;
    if (event !== null) state = foldLineage(state, event, seq, at);
  };
  const kinds = new Set([...LINEAGE_KINDS, ...LAUNCH_KINDS]);
  for (const entry of journal.read({ kinds })) take(entry);
  journal.follow((entries) => {
    for (const entry of entries) take(entry);
  });
  return {
    launched: launches.last,
    get state() {
      return state;
    },
    revoked: (image) => revocationAt(state, image, clock.now()),
  };
}
