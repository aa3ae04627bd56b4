/**
 * The services of one file, deployed in waves: a wave has those whose dependencies were all in the waves before it. State is
 * a fold over entries of the journal that belong to no fleet; what comes next is decided here against the fleets' states,
 * and carried out by execute/waves.ts. Pure.
 */
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import type { BrokenGlass, ReleaseContent } from '../domain/release.ts';
import type { Upkeep } from '../domain/upkeep.ts';
import type { Bounds, FleetState } from './state.ts';

/** A service's part: all that its release is made of is settled before the first wave begins. */
export interface WaveService {
  readonly fleet: FleetId;
  /** From 1. */
  readonly wave: number;
  readonly dependsOn: readonly FleetId[];
  readonly content: ReleaseContent;
  readonly size: number;
  readonly bounds: Bounds | null;
  readonly upkeep?: Upkeep;
  readonly label: string;
  readonly brokenGlass?: BrokenGlass;
  /** The release that a person had asked for when it began: where it is another by now, somebody has moved the fleet. */
  readonly asked: ReleaseNumber | null;
}

/** `unchanged`: it served the release already. `attention`: it failed, and a person is needed. `untouched`: the line stopped. */
export type WaveOutcome = 'done' | 'unchanged' | 'failed' | 'attention' | 'untouched';

export interface WaveResult {
  readonly fleet: FleetId;
  readonly outcome: WaveOutcome;
  /** For people. */
  readonly why: string;
}

export interface WavesAsked {
  readonly folder: string;
  readonly environment: string;
  readonly by: string;
  readonly services: readonly WaveService[];
}

/** `created`: false: the release was there, or on its way, already. */
export interface Rolling {
  readonly release: ReleaseNumber;
  readonly created: boolean;
}

export interface Waves extends WavesAsked {
  /** The seq of the entry that started them. */
  readonly id: number;
  readonly at: number;
  /** What each service that was begun is on its way to. */
  readonly rolling: ReadonlyMap<FleetId, Rolling>;
  readonly ended: ReadonlyMap<FleetId, WaveResult>;
  /** Why no service is begun any more; null: they go on. */
  readonly stopped: string | null;
  readonly finishedAt: number | null;
}

export type WavesEvent =
  | ({ readonly kind: 'waves.started' } & WavesAsked)
  /** In one append with what makes its release. */
  | ({ readonly kind: 'waves.rolling'; readonly waves: number; readonly fleet: FleetId } & Rolling)
  | { readonly kind: 'waves.ended'; readonly waves: number; readonly result: WaveResult }
  | { readonly kind: 'waves.stopped'; readonly waves: number; readonly why: string }
  | { readonly kind: 'waves.finished'; readonly waves: number };

/** All that are under way, and the last that has ended, by id. */
export type AllWaves = ReadonlyMap<number, Waves>;

export function foldWaves(all: AllWaves, event: WavesEvent, seq: number, at: number): AllWaves {
  if (event.kind === 'waves.started') {
    const { folder, environment, by, services } = event;
    const begun = { id: seq, at, folder, environment, by, services };
    return new Map([...all, [seq, { ...begun, rolling: new Map(), ended: new Map(), stopped: null, finishedAt: null }]]);
  }
  const waves = all.get(event.waves);
  if (waves === undefined) return all;
  const others = event.kind === 'waves.finished' ? [...all].filter(([, { finishedAt }]) => finishedAt === null) : [...all];
  return new Map([...others, [waves.id, changed(waves, event, at)]]);
}

function changed(waves: Waves, event: Exclude<WavesEvent, { kind: 'waves.started' }>, at: number): Waves {
  switch (event.kind) {
    case 'waves.rolling':
      return {
        ...waves,
        rolling: new Map([...waves.rolling, [event.fleet, { release: event.release, created: event.created }]]),
      };
    case 'waves.ended':
      return { ...waves, ended: new Map([...waves.ended, [event.result.fleet, event.result]]) };
    case 'waves.stopped':
      return { ...waves, stopped: waves.stopped ?? event.why };
    case 'waves.finished':
      return { ...waves, finishedAt: at };
  }
}

export type WavesStep =
  | { readonly kind: 'record'; readonly event: WavesEvent }
  | { readonly kind: 'begin'; readonly service: WaveService };

/** `null`: nothing was ever deployed to it, or it was removed. */
export type StateOf = (fleet: FleetId) => FleetState | null;

/** The next steps; what they change is looked at before those after them are planned. None: it waits for a fleet. */
export function planWaves(waves: Waves, stateOf: StateOf): readonly WavesStep[] {
  if (waves.finishedAt !== null) return [];
  const ended = newlyEnded(waves, stateOf);
  if (ended.length > 0) return ended.map((result) => record({ kind: 'waves.ended', waves: waves.id, result }));
  const broken = waves.stopped === null ? whyStop(waves, stateOf) : null;
  if (broken !== null) return [record({ kind: 'waves.stopped', waves: waves.id, why: broken })];
  const left = waves.services.filter(({ fleet }) => !waves.ended.has(fleet));
  if (left.length === 0) return [record({ kind: 'waves.finished', waves: waves.id })];
  const waiting = left.filter(({ fleet }) => !waves.rolling.has(fleet));
  if (waves.stopped !== null) {
    const why = waves.stopped;
    return waiting.map(({ fleet }) =>
      record({ kind: 'waves.ended', waves: waves.id, result: { fleet, outcome: 'untouched', why } }),
    );
  }
  const current = Math.min(...left.map(({ wave }) => wave));
  const held = waves.services.some(({ fleet }) => stateOf(fleet)?.life === 'stopped');
  const next = held ? undefined : waiting.find(({ wave }) => wave === current);
  return next === undefined ? [] : [{ kind: 'begin', service: next }];
}

const record = (event: WavesEvent): WavesStep => ({ kind: 'record', event });

function newlyEnded({ rolling, ended }: Waves, stateOf: StateOf): readonly WaveResult[] {
  return [...rolling].flatMap(([fleet, begun]) => {
    const ending = ended.has(fleet) ? null : endingOf(stateOf(fleet), begun);
    return ending === null ? [] : [{ fleet, ...ending }];
  });
}

/** Null: it is on its way, forth or back. */
function endingOf(state: FleetState | null, { release, created }: Rolling): Omit<WaveResult, 'fleet'> | null {
  if (state === null || state.life === 'retiring') return { outcome: 'failed', why: 'the fleet was removed' };
  const { rollout, serving, ended } = state;
  if (rollout === null) {
    if (serving === release) return { outcome: created ? 'done' : 'unchanged', why: '' };
    return { outcome: 'failed', why: `r${release} was rolled back (${ended?.reason ?? 'it does not serve'})` };
  }
  if (rollout.to !== release && rollout.asked !== release) return { outcome: 'failed', why: movedTo(rollout.asked) };
  return rollout.phase === 'attention' ? { outcome: 'attention', why: rollout.reason } : null;
}

const movedTo = (release: ReleaseNumber | null): string =>
  release === null ? 'somebody has taken it back' : `somebody has moved it to r${release}`;

/** The first thing that is not as it has to be for the next wave. */
function whyStop(waves: Waves, stateOf: StateOf): string | null {
  for (const service of waves.services) {
    const why = wrongWith(service, waves, stateOf(service.fleet));
    if (why !== null) return `${service.fleet}: ${why}`;
  }
  return null;
}

function wrongWith({ fleet, asked }: WaveService, { rolling, ended }: Waves, state: FleetState | null): string | null {
  const result = ended.get(fleet);
  if (result?.outcome === 'failed' || result?.outcome === 'attention') return result.why;
  const release = rolling.get(fleet)?.release;
  if (release === undefined && askedOf(state) === asked) return null;
  if (state === null || state.life === 'retiring') return 'the fleet was removed';
  if (release === undefined) return movedTo(askedOf(state));
  const { rollout, serving } = state;
  const target = rollout === null ? serving : rollout.to;
  if (result === undefined)
    return target === release ? null : `r${release} is being rolled back (${rollout?.reason ?? 'it does not serve'})`;
  return target === release ? null : movedTo(target);
}

/** The release that a person wants, though it had to be rolled back. */
export function askedOf(state: FleetState | null): ReleaseNumber | null {
  if (state === null) return null;
  const { rollout, ended, serving } = state;
  return rollout === null ? (ended?.asked ?? serving) : rollout.asked;
}

/** Those of its file that a service that was not begun still waits for, by fleet. */
export const waitsFor = ({ ended, rolling, finishedAt }: Waves, { fleet, dependsOn }: WaveService): readonly FleetId[] =>
  rolling.has(fleet) || finishedAt !== null ? [] : dependsOn.filter((other) => !isThere(ended.get(other)));

const isThere = (result: WaveResult | undefined): boolean => result?.outcome === 'done' || result?.outcome === 'unchanged';
