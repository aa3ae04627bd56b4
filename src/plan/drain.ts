/**
 * An instance on its way out: when it may be stopped (law 3), and how what does not end by itself is ended.
 *
 * Requests in flight have their budget, streams (upgraded connections, event streams) theirs. Whatever has streams left when
 * both are over is evicted: its connections are closed evenly over the pace, so that their clients do not all come back at
 * once. Nothing is closed before its budget is spent, and nothing is stopped before the last was closed.
 */
import { groupOf, type InstanceId } from '../domain/ids.ts';
import type { ReleaseContent } from '../domain/release.ts';
import type { EndpointObservation, InstanceObservation } from '../engines/engine.ts';
import type { KeeperEvent } from './events.ts';
import type { KeeperInput } from './keeper-input.ts';
import type { Eviction } from './kept-state.ts';

/** Where the release does not say. */
const PACE_MS = 30_000;
/** Few are closed faster than evenly: nobody is stampeded by so many a second. */
const LEAST_A_SECOND = 10;
/** An instance whose closing is late is not stopped with all that it still has: that would close them all at once. */
const LATE_MS = 10_000;
/** Between two looks while connections are closed: what is closed together. */
const EVICTION_POLL_MS = 200;

interface Budgets {
  readonly requestsMs: number;
  /** Until streams may be closed. Those of requests are over by then: an eviction need not tell them apart. */
  readonly streamsMs: number;
  readonly paceMs: number;
}

function budgetsOf({ release }: KeeperInput, id: InstanceId): Budgets {
  const routing = release(groupOf(id))?.content.routing;
  const { drainMs = 0, streamDrainMs = 0, streamPaceMs = PACE_MS } = routing ?? {};
  return { requestsMs: drainMs, streamsMs: Math.max(drainMs, streamDrainMs), paceMs: streamPaceMs };
}

/** The longest that an instance of the release takes from being asked to leave to its end, however busy it is. */
export function leavingMs({ routing, launch }: Pick<ReleaseContent, 'routing' | 'launch'>): number {
  const { drainMs, streamDrainMs, streamPaceMs = PACE_MS } = routing;
  return Math.max(drainMs, streamDrainMs) + streamPaceMs + LATE_MS + launch.stopGraceMs;
}

/**
 * The load balancer has confirmed that nothing is in flight, or it never knew the instance, or the budgets are spent. They
 * run from when the load balancer drains: one that it still lists as ready may get traffic, whatever it was told.
 */
export function drained(input: KeeperInput, seen: InstanceObservation): boolean {
  if (!input.kept.retiring.has(seen.id)) return false;
  if (seen.address === null) return true;
  const endpoint = input.endpoints.get(seen.id);
  if (endpoint === undefined) return true;
  const since = input.draining.get(seen.id);
  if (endpoint.state === 'ready' || since === undefined) return false;
  return endpoint.sessions === 0 || input.now >= drainEnds(input, endpoint, since);
}

/** When its budgets are spent and its streams closed. */
function drainEnds(input: KeeperInput, { instance, streams }: EndpointObservation, since: number): number {
  const { requestsMs, streamsMs, paceMs } = budgetsOf(input, instance);
  const eviction = input.kept.evicting.get(instance);
  if (eviction !== undefined) return eviction.at + paceMs + LATE_MS;
  return since + (streams === 0 ? requestsMs : streamsMs + paceMs + LATE_MS);
}

export interface Evictions {
  readonly events: readonly Extract<KeeperEvent, { kind: 'instance.evicting' }>[];
  /** How many sessions each may still have. */
  readonly steps: readonly { readonly kind: 'evict'; readonly instance: InstanceId; readonly most: number }[];
}

export function evictions(input: KeeperInput): Evictions {
  const due = leaving(input).filter(({ endpoint, since }) => {
    // One that is stopped now loses them by itself.
    if (input.now >= drainEnds(input, endpoint, since)) return false;
    const evicting = input.kept.evicting.has(endpoint.instance);
    return evicting
      ? endpoint.sessions > 0
      : endpoint.streams > 0 && input.now >= since + budgetsOf(input, endpoint.instance).streamsMs;
  });
  const events = due.filter(({ endpoint }) => !input.kept.evicting.has(endpoint.instance));
  const steps = due.flatMap(({ endpoint: { instance, sessions } }) => {
    const eviction = input.kept.evicting.get(instance);
    const most = eviction === undefined ? sessions : sessionsLeft(eviction, budgetsOf(input, instance).paceMs, input.now);
    return sessions > most ? [{ kind: 'evict', instance, most } as const] : [];
  });
  return {
    events: events.map(({ endpoint: { instance, sessions } }) => ({ kind: 'instance.evicting', instance, sessions })),
    steps,
  };
}

/** Evenly from all at its beginning to none at the end of the pace. */
export function sessionsLeft({ at, sessions }: Eviction, paceMs: number, now: number): number {
  const elapsedMs = Math.max(0, now - at);
  const even = paceMs === 0 ? 0 : sessions * (1 - elapsedMs / paceMs);
  return Math.max(0, Math.floor(Math.min(even, sessions - (elapsedMs * LEAST_A_SECOND) / 1000)));
}

/** Nothing tells when a drain is over: it is looked at often at first, then seldom, and when something of it ends or begins. */
export const drainTimes = (input: KeeperInput): readonly number[] =>
  leaving(input).flatMap(({ endpoint, since }) => {
    const { requestsMs, streamsMs } = budgetsOf(input, endpoint.instance);
    const evicting = input.kept.evicting.has(endpoint.instance);
    const poll = input.now + (evicting ? EVICTION_POLL_MS : drainPollMs(input.now - since));
    const ends = drainEnds(input, endpoint, since);
    return [poll, ends, since + requestsMs, since + streamsMs]
      .filter((time) => time > input.now)
      .toSorted((a, b) => a - b)
      .slice(0, 1);
  });

const drainPollMs = (elapsedMs: number): number => Math.min(500, Math.max(20, elapsedMs / 10));

/** Drained and asked to leave, and not being removed yet. */
function leaving(input: KeeperInput): readonly { readonly endpoint: EndpointObservation; readonly since: number }[] {
  return [...input.draining].flatMap(([id, since]) => {
    const endpoint = input.endpoints.get(id);
    return endpoint === undefined || input.busy.has(id) || !input.kept.retiring.has(id) ? [] : [{ endpoint, since }];
  });
}
