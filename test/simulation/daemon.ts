/** One daemon over the simulated world: the real fleets, executor and kept engine, with a journal that may crash it. */
import { openLineage } from '../../src/daemon/lineage.ts';
import { fleetOf, releaseOf, type FleetId } from '../../src/domain/ids.ts';
import type { Random } from '../../src/engines/sim/random.ts';
import type { Session } from '../../src/engines/sim/world.ts';
import type { Deliver } from '../../src/execute/deliver.ts';
import { Executor } from '../../src/execute/executor.ts';
import { Fleets } from '../../src/execute/fleets.ts';
import { KeptEngine } from '../../src/execute/kept-engine.ts';
import type { Measure } from '../../src/execute/measure.ts';
import { measureByCommand } from '../../src/measure/measure.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Entry, Journal } from '../../src/store/journal.ts';

export interface Daemon {
  readonly session: Session;
  readonly fleets: Fleets;
  readonly engine: KeptEngine;
  /** As this life of the daemon writes it. */
  readonly journal: Journal;
}

/** `blind`: a daemon that hears of no revocation, to prove that the law is watched. */
export function startDaemon(clock: Clock, session: Session, journal: Journal, ids: Random, blind = false): Daemon {
  const { runtime, balancer } = session;
  const guarded = guardedJournal(session, journal);
  const executor = new Executor(guarded);
  const revoked = blind ? () => null : openLineage(guarded, clock).revoked;
  const engine = new KeptEngine({ runtime, balancer, journal: guarded, executor, clock, revoked, drawId: () => ids.suffix() });
  const deliver: Deliver = ({ id, notice }, withinMs, ctx) => session.deliver(notice.image, id, withinMs, ctx);
  const measure: Measure = async (source, group, _withinMs, ctx) => {
    if (source.kind === 'command') return measureByCommand(source, group, (command) => engine.output(group, command, ctx));
    const release = fleets.state(fleetOf(group)).releases[releaseOf(group) - 1];
    return release === undefined ? null : session.measure(release.content.image, ctx);
  };
  const fleets: Fleets = new Fleets({ journal: guarded, executor, engine, clock, revoked, deliver, measure });
  return { session, engine, journal: guarded, fleets };
}

/** The journal as one life of the daemon sees it: its own listeners, and crashes at its appends. */
function guardedJournal(session: Session, journal: Journal): Journal {
  const listeners = new Set<(entries: readonly Entry[]) => void>();
  return {
    append(entries) {
      const appended = session.write(entries.map(({ kind }) => kind).join(' '), () => journal.append(entries));
      for (const listener of listeners) listener(appended);
      return appended;
    },
    read: (filter) => journal.read(filter),
    newest: (filter) => journal.newest(filter),
    follow(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    verify: () => journal.verify(),
  };
}

/** Null before the first deploy and after the fleet was removed. */
export const stateOf = ({ fleets }: Daemon, fleet: FleetId): ReturnType<Fleets['state']> | null =>
  fleets.list().includes(fleet) ? fleets.state(fleet) : null;
