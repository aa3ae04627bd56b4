/**
 * Carries waves out (plan/waves.ts): looks after every append to the journal whether something comes next. Owns no state that
 * is not in the journal: the next daemon goes on where this one was killed.
 */
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import { canonicalJson, type Json } from '../domain/json.ts';
import type { ReleaseContent } from '../domain/release.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import {
  askedOf,
  foldWaves,
  planWaves,
  type AllWaves,
  type StateOf,
  type Waves,
  type WavesAsked,
  type WavesEvent,
  type WaveService,
  type WavesStep,
} from '../plan/waves.ts';
import type { Entry, Journal, NewEntry } from '../store/journal.ts';
import type { Executor } from './executor.ts';
import type { Fleets } from './fleets.ts';

const WAVES_KINDS: ReadonlySet<string> = new Set<WavesEvent['kind']>([
  'waves.started',
  'waves.rolling',
  'waves.ended',
  'waves.stopped',
  'waves.finished',
]);

export interface WavesParts {
  readonly journal: Journal;
  readonly executor: Executor;
  readonly fleets: Fleets;
  readonly clock: Clock;
}

const RETRY_MS = 1_000;

export class WavesInForce {
  readonly #parts: WavesParts;
  #all: AllWaves = new Map();
  #started = false;
  #looking = false;

  /** Goes on with those that are under way when it is started. */
  constructor(parts: WavesParts) {
    this.#parts = parts;
    for (const entry of parts.journal.read({ kinds: WAVES_KINDS })) this.#take(entry);
    const stop = parts.journal.follow((entries) => {
      for (const entry of entries) if (WAVES_KINDS.has(entry.kind)) this.#take(entry);
      this.#lookSoon();
    });
    parts.executor.signal.addEventListener('abort', stop);
  }

  /** Those that are under way, and the last that ended. */
  get all(): AllWaves {
    return this.#all;
  }

  start(): void {
    this.#started = true;
    this.#lookSoon();
  }

  /** Joins those that do the same. Others that a service of it is in are stopped: it takes their place. Their id. */
  begin(asked: WavesAsked): { readonly id: number; readonly joined: boolean } {
    const fleets = new Set(asked.services.map(({ fleet }) => fleet));
    const open = this.#open().filter(({ services }) => services.some(({ fleet }) => fleets.has(fleet)));
    const same = open.find((waves) => waves.stopped === null && sameWork(waves, asked));
    if (same !== undefined) return { id: same.id, joined: true };
    const ends = open.flatMap((waves) => superseded(waves, asked.by));
    const entries = this.#parts.executor.append([...ends, { kind: 'waves.started' as const, ...asked }].map(entryOf));
    return { id: entries.at(-1)?.seq ?? 0, joined: false };
  }

  /** What waits in them is not begun any more. Whether there was anything to stop. */
  stop(fleet: FleetId, why: string): boolean {
    const open = this.#open().filter(
      ({ stopped, services }) => stopped === null && services.some((each) => each.fleet === fleet),
    );
    this.#parts.executor.append(open.map(({ id }) => entryOf({ kind: 'waves.stopped', waves: id, why })));
    return open.length > 0;
  }

  /** What is yet to be deployed: its images and sealed values are in use, and why. */
  contents(): readonly (readonly [content: ReleaseContent, why: string])[] {
    return this.#open().flatMap(({ services, rolling }) =>
      services
        .filter(({ fleet }) => !rolling.has(fleet))
        .map(({ content, fleet }) => [content, `waits to be deployed to ${fleet}`] as const),
    );
  }

  /** What a person has asked of the fleet so far. */
  askedOf(fleet: FleetId): ReleaseNumber | null {
    return askedOf(this.#stateOf(fleet));
  }

  #open(): readonly Waves[] {
    return [...this.#all.values()].filter(({ finishedAt }) => finishedAt === null);
  }

  readonly #stateOf: StateOf = (fleet) => {
    const { fleets } = this.#parts;
    return fleets.list().includes(fleet) ? fleets.state(fleet) : null;
  };

  #take({ seq, at, kind, data }: Entry): void {
    this.#all = foldWaves(this.#all, { kind, ...(data as object) } as WavesEvent, seq, at);
  }

  /** Not within an append: the fleets have yet to fold what it was about. */
  #lookSoon(): void {
    const { clock, executor } = this.#parts;
    if (!this.#started || this.#looking || this.#open().length === 0) return;
    this.#looking = true;
    const look = (): void => {
      this.#looking = false;
      if (!executor.signal.aborted) this.#look();
    };
    // What can't be recorded now is tried again: a full disk is emptied some day.
    Promise.resolve()
      .then(look)
      .catch(() => clock.sleep(RETRY_MS, executor.signal).then(() => this.#lookSoon()))
      .catch(() => {});
  }

  /** Each step is looked at anew: its own append calls for the next look. */
  #look(): void {
    for (const waves of this.#open()) for (const step of planWaves(waves, this.#stateOf)) this.#carryOut(waves, step);
  }

  #carryOut({ id, by }: Waves, step: WavesStep): void {
    if (step.kind === 'record') this.#parts.executor.append([entryOf(step.event)]);
    else this.#begin(id, by, step.service);
  }

  #begin(waves: number, by: string, service: WaveService): void {
    const { fleet, content, size, bounds, upkeep, label, brokenGlass } = service;
    const request = { content, size, bounds, label, by, ...(upkeep === undefined ? {} : { upkeep }) };
    const rolling = (release: ReleaseNumber, created: boolean): readonly NewEntry[] => [
      entryOf({ kind: 'waves.rolling', waves, fleet, release, created }),
    ];
    try {
      this.#parts.fleets.deploy(brokenGlass === undefined ? request : { ...request, brokenGlass }, rolling);
    } catch (error) {
      if (this.#parts.executor.signal.aborted) return;
      const why = error instanceof KilnError ? `${error.message} (${error.hint})` : messageOf(error);
      this.#parts.executor.append([entryOf({ kind: 'waves.ended', waves, result: { fleet, outcome: 'failed', why } })]);
    }
  }
}

const entryOf = ({ kind, ...data }: WavesEvent): NewEntry => ({ fleet: null, kind, data: data as unknown as Json });

const workOf = ({ services }: WavesAsked): string =>
  canonicalJson(services.map(({ fleet, dependsOn, content, size, bounds }) => ({ fleet, dependsOn, content, size, bounds })));

const sameWork = (one: WavesAsked, other: WavesAsked): boolean => workOf(one) === workOf(other);

/** Whatever it has begun goes on, and is looked at by those that take its place. */
function superseded({ id, services, rolling, ended }: Waves, by: string): readonly WavesEvent[] {
  const why = `a newer deploy by ${by} took its place`;
  const left = services.filter(({ fleet }) => !ended.has(fleet));
  return [
    { kind: 'waves.stopped', waves: id, why },
    ...left.map(({ fleet }): WavesEvent => {
      const outcome = rolling.has(fleet) ? 'failed' : 'untouched';
      return { kind: 'waves.ended', waves: id, result: { fleet, outcome, why } };
    }),
    { kind: 'waves.finished', waves: id },
  ];
}
