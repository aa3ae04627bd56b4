/** What the daemon is made of, as the verbs behind the API see it. Put together in daemon.ts. */
import type { BakeDeps, BakeOptions, BakeResult } from '../bake/contract.ts';
import type { NewerPackages } from '../bake/newer-packages.ts';
import type { Configuration } from '../config/configuration.ts';
import type { ContainerId, FleetId } from '../domain/ids.ts';
import type { DockerfileRecipe, Recipe } from '../domain/recipe.ts';
import type { Balancer, CallContext, Engine, InstanceObservation, JobObservation, Problem, Runtime } from '../engines/engine.ts';
import type { InstanceLogs } from '../engines/host/logs.ts';
import type { Shown } from '../execute/explained.ts';
import type { Fleets } from '../execute/fleets.ts';
import type { WavesInForce } from '../execute/waves.ts';
import type { Signer } from '../keys/signer.ts';
import type { LayerMounts } from '../linux/layers.ts';
import type { Trials } from '../gates/test/trial.ts';
import type { ImageStore } from '../oci/store.ts';
import type { Clock } from '../platform/clock.ts';
import type { Home } from '../platform/home.ts';
import type { Registries } from '../registry/registries.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { Journal } from '../store/journal.ts';
import type { BaseWatch } from './last-check.ts';
import type { Drift } from './drift.ts';
import type { Gate } from './gate.ts';
import type { ImageGraph } from './image-graph.ts';
import type { Lineage } from './lineage.ts';

/** The engine of this machine, and what it can say of single instances. */
export interface InstanceEngine extends Engine {
  instances(fleet: FleetId, ctx: CallContext): Promise<readonly InstanceObservation[]>;
  jobs(fleet: FleetId, ctx: CallContext): Promise<readonly JobObservation[]>;
  /** What runs without any release of the history, in every fleet. */
  unexplained(ctx: CallContext): Promise<readonly Shown[]>;
  /** Drained before. Absent is success. */
  removeUnexplained(id: ContainerId, ctx: CallContext): Promise<void>;
}

/** What of the machine the daemon works with; tests bring one of their own. */
export interface Machine {
  readonly images: ImageStore;
  readonly layers: LayerMounts;
  readonly runtime: Runtime;
  /** Booted for tests of images; `runtime` does not show them. */
  readonly trials: Trials;
  readonly balancer: Balancer;
  readonly logs: InstanceLogs;
  readonly bake: (recipe: Recipe | DockerfileRecipe, deps: BakeDeps, options: BakeOptions) => Promise<BakeResult>;
  /** What of images' packages there is in newer versions. */
  readonly newerPackages: (signal: AbortSignal) => NewerPackages;
  /** Beyond the engine: what bakes lack of this machine, and what goes on here of homes that were removed. */
  readonly checkMachine: () => Promise<readonly Problem[]>;
  /** What evidence is signed with; null: nothing. Throws KEY_INVALID or KEY_UNREACHABLE where what is set can't be used. */
  readonly signer: () => Promise<Signer | null>;
  /** Instances and load balancer go on. */
  close(): Promise<void>;
  /** Also takes away what is there for any instance: the load balancer, mounts, the bridge. Only for when none is left. */
  clear(): Promise<void>;
}

export interface Parts extends Pick<
  Machine,
  'trials' | 'images' | 'layers' | 'balancer' | 'logs' | 'bake' | 'newerPackages' | 'checkMachine' | 'signer'
> {
  readonly home: Home;
  readonly clock: Clock;
  readonly startedAt: number;
  readonly journal: Journal;
  readonly configuration: Configuration;
  readonly drift: Drift;
  readonly lineage: Lineage;
  readonly graph: ImageGraph;
  readonly engine: InstanceEngine;
  readonly registries: Registries;
  readonly bases: BaseWatch;
  readonly fleets: Fleets;
  readonly waves: WavesInForce;
  readonly notifier: Notifier;
  /** Bakes and deploys are inside, gc is alone. */
  readonly gate: Gate;
  /** Fires when the daemon stops: work of its own gives up, and the next daemon goes on with it. */
  readonly stopping: AbortSignal;
  /** Stops the daemon once the present answer is out. */
  readonly stop: () => void;
}
