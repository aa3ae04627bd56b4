/** One simulated instance, as the world knows it. */
import type { FleetId, GroupId, InstanceId } from '../../domain/ids.ts';
import type { Release } from '../../domain/release.ts';
import type { Address, InstanceHealth } from '../engine.ts';

export interface SimInstance {
  readonly id: InstanceId;
  readonly group: GroupId;
  readonly fleet: FleetId;
  readonly release: Release;
  readonly launchedAt: number;
  readonly zone: string | null;
  readonly address: Address | null;
  health: InstanceHealth;
  /** Was told to stop; it may still look healthy. */
  stopping: boolean;
  /** Kiln has decided that it goes. */
  leaving: boolean;
  /** What the last observation said, and whether any ever said healthy. */
  reportedHealthy: boolean;
  everReportedHealthy: boolean;
  /** Fails its traffic while its probe says healthy. */
  readonly lies: boolean;
}
