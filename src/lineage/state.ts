/**
 * Channels, revocations and bakes as a fold over the journal. Pure: an event in, a new state out. A start folds many, and
 * puts them into maps of its own.
 */
import type { Digest } from '../domain/digest.ts';
import type { ServiceName } from '../domain/ids.ts';
import type { Revocation } from '../domain/revocation.ts';
import type { CascadeStep, StepResult } from './cascade-steps.ts';
import { foldPatch, type Patches } from './patch-state.ts';
import type { BuiltOn, ChannelMove, ChannelPolicy, LineageEvent, NewerPackage } from './events.ts';

/** One move of a channel. */
export interface Move {
  /** The entry of the history that says so. */
  readonly seq: number;
  readonly at: number;
  readonly image: Digest;
  readonly how: ChannelMove;
  readonly by: string;
  readonly why: string;
  /** What its policy had against it. */
  readonly overruled: string | null;
}

export interface Channel {
  readonly service: ServiceName;
  readonly name: string;
  readonly image: Digest;
  /** Everything that it ever held, oldest first; never empty. */
  readonly history: readonly Move[];
  /** The images before this one, oldest first: where rollbacks go. */
  readonly trail: readonly Digest[];
}

/** The newest bake of a service in a folder: what a rebuild does again. */
export interface Line {
  readonly service: ServiceName;
  readonly folder: string;
  readonly image: Digest;
  readonly at: number;
}

/** An image that gc took: it can be put back until its time has come. */
export interface Trashed {
  readonly image: Digest;
  readonly tags: readonly string[];
  readonly at: number;
  readonly until: number;
}

export interface OpenCascade {
  /** The seq of the entry that started it. */
  readonly id: number;
  readonly steps: readonly CascadeStep[];
  readonly ended: ReadonlyMap<string, StepResult>;
  readonly by: string;
  /** The vulnerability that is to be gone; null: any change of the base is enough. */
  readonly mends: string | null;
}

export interface LineageState {
  /** By `service.channel`. */
  readonly channels: ReadonlyMap<string, Channel>;
  readonly policies: ReadonlyMap<ServiceName, Readonly<Record<string, ChannelPolicy>>>;
  /** Those that lie ahead, too. */
  readonly revocations: ReadonlyMap<Digest, Revocation>;
  readonly trash: ReadonlyMap<Digest, Trashed>;
  /** What each image baked here was built on. */
  readonly builtOn: ReadonlyMap<Digest, readonly BuiltOn[]>;
  /** The line whose bake made the image. */
  readonly bakedBy: ReadonlyMap<Digest, string>;
  /** The cascade that is under way. */
  readonly cascade: OpenCascade | null;
  /** By id, those that have ended, too. */
  readonly patches: Patches;
  /** What registries' tags were last seen to mean. */
  readonly tags: ReadonlyMap<string, Digest>;
  /** What there was in newer versions than an image has, when that was last asked. */
  readonly newer: ReadonlyMap<Digest, readonly NewerPackage[]>;
  /** By folder and service. */
  readonly lines: ReadonlyMap<string, Line>;
}

/** With maps of its own. */
export const emptyLineage = (): LineageState => ({
  channels: new Map(),
  policies: new Map(),
  revocations: new Map(),
  trash: new Map(),
  builtOn: new Map(),
  bakedBy: new Map(),
  cascade: null,
  patches: new Map(),
  tags: new Map(),
  newer: new Map(),
  lines: new Map(),
});

/** `web.production`: names hold no dot, so it splits in one way. */
export const channelKey = (service: ServiceName, channel: string): string => `${service}.${channel}`;

/** A map with one more entry. */
type Put = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V) => ReadonlyMap<K, V>;

const inCopy: Put = (map, key, value) => new Map(map).set(key, value);
const inPlace: Put = (map, key, value) => (map instanceof Map ? map.set(key, value) : inCopy(map, key, value));

/** What the events come to. In time with their number: a copy for each would take minutes of 10,000 bakes. */
export function replayLineage(
  events: Iterable<{ readonly event: LineageEvent; readonly seq: number; readonly at: number }>,
): LineageState {
  let state = emptyLineage();
  for (const { event, seq, at } of events) state = folded(state, event, seq, at, inPlace);
  return state;
}

export const foldLineage = (state: LineageState, event: LineageEvent, seq: number, at: number): LineageState =>
  folded(state, event, seq, at, inCopy);

function folded(state: LineageState, event: LineageEvent, seq: number, at: number, put: Put): LineageState {
  switch (event.kind) {
    case 'channel.set':
      return {
        ...state,
        channels: put(state.channels, channelKey(event.service, event.channel), moved(state, event, seq, at)),
      };
    case 'channel.policy':
      return { ...state, policies: put(state.policies, event.service, event.policies) };
    case 'image.revoked':
      return { ...state, revocations: put(state.revocations, event.image, revoked(state, event)) };
    case 'revocation.undone':
      return { ...state, revocations: undone(state.revocations, event.image) };
    case 'image.trashed':
      return {
        ...state,
        trash: put(state.trash, event.image, { image: event.image, tags: event.tags, at, until: event.until }),
      };
    case 'image.restored':
    case 'image.deleted':
      return { ...state, trash: new Map([...state.trash].filter(([image]) => image !== event.image)) };
    case 'base.moved':
      return { ...state, tags: put(state.tags, event.name, event.to) };
    case 'packages.moved':
      return { ...state, newer: put(state.newer, event.image, event.packages) };
    case 'cascade.started':
      return { ...state, cascade: { id: seq, steps: event.steps, ended: new Map(), by: event.by, mends: null } };
    case 'cascade.step':
      return {
        ...state,
        cascade: stepped(state.cascade, event.cascade, event.result),
        patches: foldPatch(state.patches, event, seq, at),
      };
    case 'cascade.finished':
      return { ...state, cascade: state.cascade?.id === event.cascade ? null : state.cascade };
    case 'patch.started':
      return {
        ...state,
        cascade: { id: seq, steps: event.steps, ended: new Map(), by: event.by, mends: event.cve },
        patches: foldPatch(state.patches, event, seq, at),
      };
    case 'patch.rolling':
    case 'patch.fleet':
    case 'patch.finished':
      return { ...state, patches: foldPatch(state.patches, event, seq, at) };
    case 'bake.done':
      return baked(state, event, at, put);
  }
}

function moved(state: LineageState, event: Extract<LineageEvent, { kind: 'channel.set' }>, seq: number, at: number): Channel {
  const { service, channel: name, image, how, by, why, overruled } = event;
  const before = state.channels.get(channelKey(service, name));
  const history = [...(before?.history ?? []), { seq, at, image, how, by, why, overruled }];
  return { service, name, image, history, trail: before === undefined ? [] : trailAfter(before, image) };
}

/** Going forward leaves a mark; going back to a mark drops the marks after it. */
function trailAfter(before: Channel, image: Digest): readonly Digest[] {
  if (before.image === image) return before.trail;
  const back = before.trail.lastIndexOf(image);
  return back === -1 ? [...before.trail, before.image] : before.trail.slice(0, back);
}

/** A second revocation never weakens the first: the earlier moment and the wider reach hold. */
function revoked(state: LineageState, event: Extract<LineageEvent, { kind: 'image.revoked' }>): Revocation {
  const { image, since, by, why, cascade, through } = event;
  const before = state.revocations.get(image);
  const next = { image, since, by, why, cascade, through };
  if (before === undefined) return next;
  const first = before.since <= since ? before : next;
  const direct = before.through === null || through === null;
  return { ...first, cascade: before.cascade || cascade, through: direct ? null : first.through };
}

/** Of the image and of all that were revoked through it. */
function undone(revocations: LineageState['revocations'], image: Digest): LineageState['revocations'] {
  return new Map([...revocations].filter(([digest, { through }]) => digest !== image && through !== image));
}

const stepped = (open: OpenCascade | null, id: number, result: StepResult): OpenCascade | null =>
  open?.id === id ? { ...open, ended: inCopy(open.ended, result.key, result) } : open;

function baked(state: LineageState, event: Extract<LineageEvent, { kind: 'bake.done' }>, at: number, put: Put): LineageState {
  const { service, folder, digest: image, builtOn } = event;
  const key = `${folder}\n${service}`;
  return {
    ...state,
    builtOn: put(state.builtOn, image, builtOn),
    bakedBy: put(state.bakedBy, image, key),
    lines: put(state.lines, key, { service, folder, image, at }),
  };
}

/** The revocation in force at `now`; null: none. */
export function revocationAt(state: LineageState, image: Digest, now: number): Revocation | null {
  const found = state.revocations.get(image);
  return found === undefined || found.since > now ? null : found;
}
