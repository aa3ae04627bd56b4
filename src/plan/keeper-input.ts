/** What the keeper decides from. */
import type { GroupId, InstanceId } from '../domain/ids.ts';
import type { Release } from '../domain/release.ts';
import type { Revoked } from '../domain/revocation.ts';
import type { BalancerObservation, EndpointObservation, InstanceObservation, JobObservation } from '../engines/engine.ts';
import type { KeptState } from './kept-state.ts';

export interface KeeperInput {
  readonly kept: KeptState;
  /** Null: an instance of ours that no release is known for. */
  readonly release: (group: GroupId) => Release | null;
  readonly instances: readonly InstanceObservation[];
  /** The same by their group. */
  readonly grouped: ReadonlyMap<GroupId, readonly InstanceObservation[]>;
  /** Null: the load balancer knows nothing of the fleet, or the fleet takes no traffic. */
  readonly balancer: BalancerObservation | null;
  /** What the load balancer knows, by instance. */
  readonly endpoints: ReadonlyMap<InstanceId, EndpointObservation>;
  /** Since when the load balancer is known to drain an instance. */
  readonly draining: ReadonlyMap<InstanceId, number>;
  /** Launches and removals of this fleet that are under way: left alone. */
  readonly busy: ReadonlyMap<InstanceId, 'launch' | 'remove'>;
  /** Zones that take instances now, and where the launches under way go. */
  readonly zones: readonly string[];
  readonly placed: ReadonlyMap<InstanceId, string>;
  /** How many failed instances of this fleet the engine will replace at once, beside those of other fleets. */
  readonly healingRoom: number;
  /** Of this fleet. */
  readonly jobs: readonly JobObservation[];
  /** Images of which nothing may be launched. */
  readonly revoked: Revoked;
  readonly now: number;
  /** Draws the six characters that end an instance's id. */
  readonly drawId: () => string;
}
