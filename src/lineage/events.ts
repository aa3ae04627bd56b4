/**
 * What happens to images after they are made, as entries of the journal that belong to no fleet. This folder is pure: it
 * folds such entries, walks lineages and plans; it reads no store and asks no clock. What it plans, the daemon does.
 */
import { isDigest, type Digest } from '../domain/digest.ts';
import type { CascadeStep, StepResult } from './cascade-steps.ts';
import type { Json } from '../domain/json.ts';
import type { FleetId, ReleaseNumber, ServiceName } from '../domain/ids.ts';
import type { FleetResult, PatchFleet } from './patch-steps.ts';

/** What moved a channel. `rollback` goes back along its history; all others go forward. */
export type ChannelMove = 'set' | 'rollback' | 'bake' | 'cascade' | 'patch';

/** What must be so before a channel takes an image. From kiln.yaml, journaled when the file is baked or deployed. */
export interface ChannelPolicy {
  /** The channel in which the image must have been before; null: none. */
  readonly after: string | null;
  /** For how long it must have been there, ms. */
  readonly soakMs: number;
}

/** What an image was built on: its own base and those of the stages that it takes files from. */
export interface BuiltOn {
  /** As it is written in kiln.yaml: `debian:bookworm`, `channel:base.stable`. */
  readonly name: string;
  readonly digest: Digest;
}

export interface NewerPackage {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export type LineageEvent =
  | {
      readonly kind: 'channel.set';
      readonly service: ServiceName;
      readonly channel: string;
      readonly image: Digest;
      readonly how: ChannelMove;
      readonly by: string;
      readonly why: string;
      /** What its policy had against it, where somebody broke the glass. */
      readonly overruled: string | null;
    }
  | {
      readonly kind: 'channel.policy';
      readonly service: ServiceName;
      readonly policies: Readonly<Record<string, ChannelPolicy>>;
    }
  /** In force from `since` on. `through`: the ancestor that it was revoked with. */
  | {
      readonly kind: 'image.revoked';
      readonly image: Digest;
      readonly since: number;
      readonly cascade: boolean;
      readonly through: Digest | null;
      readonly by: string;
      readonly why: string;
    }
  /** Out of the index, its tags with it; its blobs stay until `until`, and what is attached to it. */
  | { readonly kind: 'image.trashed'; readonly image: Digest; readonly tags: readonly string[]; readonly until: number }
  /** Out of the trash: by a person, or because it was baked or pulled again. */
  | { readonly kind: 'image.restored'; readonly image: Digest; readonly by: string }
  /** Out of the trash, for good. */
  | { readonly kind: 'image.deleted'; readonly image: Digest }
  /** A registry's tag means another image than it was last seen to mean. */
  | { readonly kind: 'base.moved'; readonly name: string; readonly to: Digest }
  /** All that there is in newer versions than the image has; empty: nothing any more. */
  | {
      readonly kind: 'packages.moved';
      readonly service: string;
      readonly image: Digest;
      readonly packages: readonly NewerPackage[];
    }
  | { readonly kind: 'revocation.undone'; readonly image: Digest; readonly by: string; readonly why: string }
  | { readonly kind: 'cascade.started'; readonly steps: readonly CascadeStep[]; readonly by: string }
  | { readonly kind: 'cascade.step'; readonly cascade: number; readonly result: StepResult }
  | { readonly kind: 'cascade.finished'; readonly cascade: number }
  /** Starts the cascade of its steps, too. */
  | {
      readonly kind: 'patch.started';
      readonly cve: string;
      readonly images: readonly Digest[];
      readonly steps: readonly CascadeStep[];
      readonly fleets: readonly PatchFleet[];
      readonly by: string;
      /** Why what speaks against it is overruled: policies of channels, demands of environments, freezes. Null: nothing is. */
      readonly glass: string | null;
    }
  | { readonly kind: 'patch.rolling'; readonly patch: number; readonly fleet: FleetId; readonly release: ReleaseNumber }
  | { readonly kind: 'patch.fleet'; readonly patch: number; readonly result: FleetResult }
  /** `left`: how many instances still run of an image that had it. */
  | { readonly kind: 'patch.finished'; readonly patch: number; readonly left: number }
  /** The parts of a bake's record that lineage reads. Records from before lineage was kept have no `builtOn`. */
  | {
      readonly kind: 'bake.done';
      readonly service: ServiceName;
      readonly digest: Digest;
      readonly folder: string;
      readonly builtOn: readonly BuiltOn[];
    };

/** What the lineage's state is a fold over. */
export const LINEAGE_KINDS: ReadonlySet<string> = new Set<LineageEvent['kind']>([
  'channel.set',
  'channel.policy',
  'image.revoked',
  'revocation.undone',
  'image.trashed',
  'image.restored',
  'image.deleted',
  'base.moved',
  'packages.moved',
  'cascade.started',
  'cascade.step',
  'cascade.finished',
  'patch.started',
  'patch.rolling',
  'patch.fleet',
  'patch.finished',
  'bake.done',
]);

/** Null: the entry is of another kind, or of a form from before this one. */
export function lineageEventOf(entry: { readonly kind: string; readonly data: Json }): LineageEvent | null {
  if (!LINEAGE_KINDS.has(entry.kind)) return null;
  const event = { kind: entry.kind, ...(entry.data as object) } as LineageEvent;
  if (event.kind !== 'bake.done') return event;
  return typeof event.folder === 'string' && isDigest(event.digest) ? { ...event, builtOn: event.builtOn ?? [] } : null;
}

/** The entry's form of an event. */
export function lineageEntry({ kind, ...data }: Exclude<LineageEvent, { kind: 'bake.done' }>): {
  readonly fleet: null;
  readonly kind: string;
  readonly data: Json;
} {
  return { fleet: null, kind, data: data as unknown as Json };
}
