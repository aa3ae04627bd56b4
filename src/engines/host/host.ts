/** What the parts of the host engine share. */
import type { ContainerId, InstanceId, JobId } from '../../domain/ids.ts';
import type { LaunchValues } from '../../domain/reference.ts';
import type { Release } from '../../domain/release.ts';
import type { Cgroups } from '../../linux/cgroups.ts';
import type { LayerMounts } from '../../linux/layers.ts';
import type { Bridge } from '../../linux/network.ts';
import type { OciRuntime } from '../../linux/oci-runtime.ts';
import type { ImageStore } from '../../oci/store.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Home } from '../../platform/home.ts';
import type { InstanceHealth, JobObservation } from '../engine.ts';
import type { Indices } from './indices.ts';
import type { Places } from './places.ts';
import type { InstanceRecord, JobRecord } from './record.ts';
import type { Roots } from './roots.ts';
import type { Shipping } from './ship.ts';

/** An instance that this daemon watches. */
export interface Tracked {
  readonly record: InstanceRecord;
  readonly health: () => InstanceHealth;
  /** Looks whether the process still runs. Cheap: two reads below /proc. */
  readonly check: () => Promise<void>;
  /** Stops watching; the instance itself goes on. */
  readonly stop: () => void;
}

export interface TrackedJob {
  /** Null: nothing is left of it but its mark. */
  readonly record: JobRecord | null;
  readonly seen: () => JobObservation;
  /** Its process was begun. */
  readonly begun: () => void;
  /** Looks whether it still runs. */
  readonly check: () => Promise<void>;
}

/** What the references of a release come to. Throws what stands in the way. */
export type OpenValues = (release: Release, signal: AbortSignal) => Promise<LaunchValues>;

export interface Host {
  readonly home: Home;
  readonly store: ImageStore;
  readonly layers: LayerMounts;
  readonly clock: Clock;
  readonly values: OpenValues;
  /** For the daemon's log: what went wrong without anybody waiting for it. */
  readonly report: (message: string) => void;
  readonly places: Places;
  readonly roots: Roots;
  readonly indices: Indices;
  readonly shipping: Shipping;
  readonly cgroups: Cgroups;
  readonly bootId: string;
  /** Made (and mended) by the first call. */
  readonly bridge: () => Promise<Bridge>;
  /** Chosen by the first call. */
  readonly runtime: () => Promise<OciRuntime>;
  readonly instances: Map<InstanceId, Tracked>;
  readonly jobs: Map<JobId, TrackedJob>;
  readonly changed: (id: ContainerId) => void;
}
