/** What the world saw Kiln do against its laws (docs/concepts.md). Recorded, never thrown: a history goes on after one. */
import type { FleetId, GroupId, InstanceId } from '../../domain/ids.ts';
import type { RoutedGroup, RoutingTable } from '../engine.ts';
import type { Note } from './calls.ts';
import type { SimInstance } from './instance.ts';

export interface Violation {
  readonly law: number;
  readonly at: number;
  readonly what: string;
}

export class Laws {
  readonly violations: Violation[] = [];
  /** Healthy serving instances below which Kiln may not take the fleet. The driver of the simulation knows the strategy. */
  floorOf: (fleet: FleetId) => number = () => 0;
  readonly #now: () => number;
  readonly #note: Note;

  constructor(now: () => number, note: Note) {
    this.#now = now;
    this.#note = note;
  }

  broken(law: number, what: string): void {
    this.violations.push({ law, at: this.#now(), what });
    this.#note(`LAW ${law} BROKEN: ${what}`);
  }

  /** Law 4 at the moment of one act of Kiln: it may not lower the capacity to below the floor. What the world took is not counted. */
  lowered(fleet: FleetId, act: string, before: number, after: number): void {
    if (after >= before * ROUNDING) return;
    const floor = this.floorOf(fleet);
    if (after < floor * ROUNDING)
      this.broken(
        4,
        `${act} lowered the serving capacity of ${fleet} from ${show(before)} to ${show(after)}, below its floor of ${floor}`,
      );
  }
}

/** Weights are whole basis points, so shares are right to less than this. */
const ROUNDING = 0.99;

const show = (capacity: number): string => String(Math.round(capacity * 100) / 100);

/**
 * How many instances' worth of traffic the fleet can take: the group with the least healthy instances for its share decides.
 * Healthy is what Kiln was last told, so that what the world does in between is not held against it; and what Kiln has
 * decided to retire is gone from here on, though its drain comes later.
 */
export function servingCapacity(table: RoutingTable | undefined, find: (id: InstanceId) => SimInstance | undefined): number {
  return capacityOf(table, ({ endpoints }) => {
    const ready = endpoints.filter(({ state }) => state === 'ready');
    return ready.reduce((count, { instance }) => count + (isSound(find(instance)) ? 1 : 0), 0);
  });
}

/** The same, with all the healthy instances of the groups that take traffic: what the next change of routing can make ready. */
export function soundCapacity(table: RoutingTable | undefined, instances: Iterable<SimInstance>): number {
  const counts = new Map<GroupId, number>();
  for (const instance of instances) if (isSound(instance)) counts.set(instance.group, (counts.get(instance.group) ?? 0) + 1);
  return capacityOf(table, ({ group }) => counts.get(group) ?? 0);
}

function capacityOf(table: RoutingTable | undefined, healthyIn: (group: RoutedGroup) => number): number {
  let capacity = Infinity;
  for (const group of table?.groups ?? []) {
    if (group.weight > 0) capacity = Math.min(capacity, (healthyIn(group) * 10_000) / group.weight);
  }
  return capacity === Infinity ? 0 : capacity;
}

const isSound = (instance: SimInstance | undefined): boolean =>
  instance?.reportedHealthy === true && !instance.stopping && !instance.leaving;
