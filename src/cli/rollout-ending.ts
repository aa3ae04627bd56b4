/** How a rollout ends, read from the history's events. Pure but for what it has seen. */
import { KilnError } from '../errors/error.ts';
import { serviceOf, type FleetId } from '../domain/ids.ts';
import type { EntryBody } from '../client/client.ts';

export interface Awaited {
  readonly fleet: FleetId;
  /** The release that is to serve. */
  readonly release: number;
  /** Entries of the history up to this one were there before the rollout was asked for. */
  readonly after: number;
  /** The rollout was under way already: its start will not be among the events. */
  readonly joined: boolean;
}

/** `done`: the release serves. A KilnError: it will not, and why. */
export type Ending = 'done' | KilnError;

interface Started {
  readonly to: number | null;
  readonly cause: string;
  readonly reason: string;
}

/** Give it the fleet's entries in order; null: the rollout goes on. */
export function endingWatcher({ fleet, release, joined }: Awaited): (entry: EntryBody) => Ending | null {
  let ours = joined;
  let latest: Started = { to: release, cause: 'deploy', reason: '' };
  return (entry) => {
    if (entry.kind === 'rollout.started') {
      latest = entry.data as unknown as Started;
      if (latest.to === release) ours = true;
      else if (ours && (latest.cause === 'deploy' || latest.cause === 'rollback')) return superseded(fleet, release, latest);
      return null;
    }
    if (!ours) return null;
    if (entry.kind === 'rollout.attention') return attention(fleet, release, latest, entry);
    if (entry.kind === 'fleet.retiring') return removed(fleet, release);
    if (entry.kind !== 'rollout.finished') return null;
    return latest.to === release ? 'done' : rolledBack(fleet, release, latest);
  };
}

function rolledBack(fleet: FleetId, release: number, { to, reason }: Started): KilnError {
  const state = to === null ? 'nothing serves' : `r${to} serves`;
  return new KilnError('ROLLED_BACK', `${fleet}: r${release} was rolled back (${reason}); ${state}`, {
    hint: `\`kiln logs ${serviceOf(fleet)}\` shows what its instances said; mend it and deploy again`,
  });
}

function attention(fleet: FleetId, release: number, { cause }: Started, entry: EntryBody): KilnError {
  const { reason } = entry.data as { readonly reason?: string };
  if (cause === 'deploy') {
    return new KilnError('ATTENTION', `${fleet}: r${release} failed and cannot be rolled back (${reason ?? 'no reason given'})`, {
      hint: `Kiln holds everything as it is; deploy a release that works, or \`kiln abort ${serviceOf(fleet)} --past-no-return\``,
    });
  }
  return new KilnError('ATTENTION', `${fleet}: the way back is not healthy either (${reason ?? 'no reason given'})`, {
    hint: `Kiln goes on trying; look at \`kiln status ${serviceOf(fleet)}\` and deploy a release that works`,
  });
}

const superseded = (fleet: FleetId, release: number, { to, cause }: Started): KilnError =>
  new KilnError('SUPERSEDED', `${fleet}: a ${cause} to r${to} took the place of the rollout to r${release}`, {
    hint: `\`kiln status ${serviceOf(fleet)}\` shows the rollout that is under way`,
  });

const removed = (fleet: FleetId, release: number): KilnError =>
  new KilnError('SUPERSEDED', `${fleet}: the fleet was removed during the rollout to r${release}`, {
    hint: '`kiln history` shows when',
  });
