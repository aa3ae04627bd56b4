/**
 * Drift of configuration: what fleets were launched with, compared with what its sources have now. Asked every few minutes and
 * whenever somebody looks at a fleet; what was found is kept in memory only.
 */
import type { Configuration, ReferenceState } from '../config/configuration.ts';
import type { FleetId } from '../domain/ids.ts';
import type { Digest } from '../domain/digest.ts';
import type { Fleets } from '../execute/fleets.ts';
import type { Clock } from '../platform/clock.ts';
import { referencesIn, targetOf } from './references.ts';

const EVERY_MS = 300_000;
/** Longer than this nobody waits who asked for something else. */
const WAIT_MS = 1_500;

interface DriftParts {
  readonly configuration: Configuration;
  readonly fleets: Fleets;
  readonly clock: Clock;
  readonly stopping: AbortSignal;
}

interface Seen {
  readonly release: Digest;
  readonly at: number;
  readonly states: readonly ReferenceState[];
}

export class Drift {
  readonly #parts: DriftParts;
  readonly #seen = new Map<FleetId, Seen>();
  readonly #looking = new Map<FleetId, Promise<readonly ReferenceState[]>>();

  constructor(parts: DriftParts) {
    this.#parts = parts;
  }

  /** Asks the sources now, for the release that the fleet moves to or is at. */
  look(fleet: FleetId): Promise<readonly ReferenceState[]> {
    const looking = this.#looking.get(fleet) ?? this.#look(fleet).finally(() => this.#looking.delete(fleet));
    this.#looking.set(fleet, looking);
    return looking;
  }

  /**
   * For who looks at fleets: asks where what is known is older than so much, but waits no longer than a moment, and not behind
   * another who waits. While a rollout is under way nobody asks: its progress is looked at many times a second.
   */
  async refresh(looked: readonly FleetId[], olderThanMs: number): Promise<void> {
    const { clock, stopping, fleets } = this.#parts;
    const due = looked.filter((fleet) => {
      const isOld = clock.now() - (this.#seen.get(fleet)?.at ?? 0) >= olderThanMs;
      return isOld && !this.#looking.has(fleet) && fleets.state(fleet).rollout === null && this.#has(fleet);
    });
    if (due.length === 0) return;
    const all = Promise.allSettled(due.map((fleet) => this.look(fleet)));
    await Promise.race([all, clock.sleep(WAIT_MS, stopping).catch(() => {})]);
  }

  /** Values that are not the fleet's any more, as they were last asked for. */
  known(fleet: FleetId): readonly ReferenceState[] {
    const seen = this.#seen.get(fleet);
    const states = seen?.release === targetOf(this.#parts.fleets, fleet)?.hash ? (seen?.states ?? []) : [];
    return states.filter(({ state }) => state === 'changed' || state === 'gone');
  }

  /** Until the daemon stops. */
  async watch(): Promise<void> {
    const { fleets, clock, stopping } = this.#parts;
    while (!stopping.aborted) {
      for (const fleet of fleets.list()) await this.look(fleet).catch(() => {});
      await clock.sleep(EVERY_MS, stopping).catch(() => {});
    }
  }

  #has(fleet: FleetId): boolean {
    return referencesIn(targetOf(this.#parts.fleets, fleet)?.content).length > 0;
  }

  async #look(fleet: FleetId): Promise<readonly ReferenceState[]> {
    const { configuration, clock, stopping } = this.#parts;
    const release = targetOf(this.#parts.fleets, fleet);
    const references = referencesIn(release?.content);
    if (release === null || references.length === 0) return [];
    const states = await configuration.look(references, stopping);
    this.#seen.set(fleet, { release: release.hash, at: clock.now(), states });
    return states;
  }
}
