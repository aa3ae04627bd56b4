/** Events to journal entries and back. The entry's kind is the event's; its data is the rest. */
import type { FleetId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import type { FleetEvent, KeeperEvent } from '../plan/events.ts';
import type { Entry, NewEntry } from '../store/journal.ts';

/** What a fleet's state is a fold over. */
export const FLEET_KINDS: ReadonlySet<string> = new Set<FleetEvent['kind']>([
  'release.made',
  'size.set',
  'bounds.set',
  'upkeep.set',
  'scaling.held',
  'scaling.resumed',
  'recycle.started',
  'recycle.ended',
  'rollout.started',
  'image.ready',
  'rollout.progress',
  'canary.stepped',
  'canary.judged',
  'canary.measured',
  'canary.passed',
  'alarm.raised',
  'alarm.cleared',
  'task.started',
  'task.ended',
  'checkpoint.reached',
  'checkpoint.passed',
  'rollout.paused',
  'rollout.resumed',
  'rollout.attention',
  'rollout.finished',
  'warm.expired',
  'fleet.stopped',
  'fleet.started',
  'fleet.unattended',
  'chaos.begun',
  'chaos.ended',
  'fleet.retiring',
  'fleet.retired',
]);

const KEEPER_KINDS: ReadonlySet<string> = new Set<KeeperEvent['kind']>([
  'group.sized',
  'group.deleted',
  'group.gone',
  'group.recovered',
  'traffic.set',
  'instance.retiring',
  'instance.evicting',
  'instance.failed',
  'instance.killed',
  'instance.removed',
]);

/** What a daemon's start has to read for its engine: releases, and what the keeper was asked for and saw. */
export const ENGINE_KINDS: ReadonlySet<string> = new Set([...KEEPER_KINDS, 'release.made' satisfies FleetEvent['kind']]);

export function entryOf(fleet: FleetId, event: FleetEvent | KeeperEvent): NewEntry {
  const { kind, ...data } = event;
  return { fleet, kind, data: data as unknown as Json };
}

/** Null: the entry is of another kind (an intent, a command, the keeper's). */
export const fleetEventOf = (entry: Entry): FleetEvent | null =>
  FLEET_KINDS.has(entry.kind) ? (eventOf(entry) as FleetEvent) : null;

export const keeperEventOf = (entry: Entry): KeeperEvent | null =>
  KEEPER_KINDS.has(entry.kind) ? (eventOf(entry) as KeeperEvent) : null;

const eventOf = (entry: Entry): unknown => ({ kind: entry.kind, ...(entry.data as object) });
