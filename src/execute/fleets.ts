/**
 * All fleets of this daemon: what commands are given to, and the loops that carry them out. Owns no state that is not in the
 * journal: a new object over the same journal and engine goes on where the last one was killed.
 */
import { canonicalJson } from '../domain/json.ts';
import type { FleetId, ReleaseNumber } from '../domain/ids.ts';
import type { BrokenGlass, Release, ReleaseContent } from '../domain/release.ts';
import type { Revoked } from '../domain/revocation.ts';
import type { Upkeep } from '../domain/upkeep.ts';
import type { Engine } from '../engines/engine.ts';
import { KilnError } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import { sha256 } from '../platform/hash.ts';
import type { ChaosPlan, ChaosRequest } from '../plan/chaos.ts';
import { decide, nextRelease, type Command } from '../plan/commands.ts';
import type { FleetEvent } from '../plan/events.ts';
import type { Plan } from '../plan/plan.ts';
import { fold, releaseOfState, type Bounds, type FleetState } from '../plan/state.ts';
import type { Journal, NewEntry } from '../store/journal.ts';
import { FLEET_KINDS } from './events.ts';
import type { Deliver } from './deliver.ts';
import type { Executor } from './executor.ts';
import { Fleet } from './fleet.ts';
import type { Measure } from './measure.ts';

export interface FleetsParts {
  readonly journal: Journal;
  readonly executor: Executor;
  readonly engine: Engine;
  readonly clock: Clock;
  /** Law 1: asked when a command is given, when a plan is made and before a launch. */
  readonly revoked: Revoked;
  /** For webhooks. */
  readonly deliver: Deliver;
  /** For metrics and alarms. */
  readonly measure: Measure;
}

export interface DeployRequest {
  readonly content: ReleaseContent;
  readonly size: number;
  /** What `scale` may ask for; null: anything. */
  readonly bounds: Bounds | null;
  /** Absent: as it is. */
  readonly upkeep?: Upkeep;
  /** For people: the image's tag and git revision. */
  readonly label: string;
  /** Who asked. */
  readonly by: string;
  /** What was overruled for it; absent: nothing. */
  readonly brokenGlass?: BrokenGlass;
}

export interface Deployed {
  readonly release: Release;
  /** False: the fleet has this release already, or is on its way to it. */
  readonly created: boolean;
  /** The seq of the rollout's start; null where none was needed. */
  readonly rollout: number | null;
}

/** What a command has come to, as it was when it was given. */
export interface Commanded {
  /** False: all was so already. */
  readonly changed: boolean;
  /** A rollout is under way, and where to; else what serves. */
  readonly moving: boolean;
  readonly target: ReleaseNumber | null;
}

export class Fleets {
  readonly #parts: FleetsParts;
  readonly #fleets = new Map<FleetId, Fleet>();
  #stopListening: (() => void) | null = null;
  #started = false;

  constructor(parts: FleetsParts) {
    this.#parts = parts;
    for (const entry of parts.journal.read({ kinds: FLEET_KINDS })) {
      if (entry.fleet !== null) this.#fleet(entry.fleet).replay(entry);
    }
  }

  /** Fleets that something was ever deployed to and that were not removed. */
  list(): readonly FleetId[] {
    return [...this.#fleets.values()].filter(isThere).map(({ id }) => id);
  }

  /** Throws NOT_FOUND for a fleet that is not in `list`. */
  fleet(id: FleetId): Fleet {
    const fleet = this.#fleets.get(id);
    if (fleet === undefined || !isThere(fleet)) {
      throw new KilnError('NOT_FOUND', `there is no fleet ${id}`, { hint: '`kiln status` lists the fleets' });
    }
    return fleet;
  }

  state(id: FleetId): FleetState {
    return this.fleet(id).state;
  }

  /** `along`: what else is recorded in the same append, for the release that it sets out for. */
  deploy(request: DeployRequest, along: (to: ReleaseNumber, created: boolean) => readonly NewEntry[] = () => []): Deployed {
    const fleet = this.#fleet(request.content.fleet);
    const release = this.#releaseFor(fleet, request);
    const events = fleet.command(deployOf(request, release), request.by, (decided) => {
      const { rollout, serving } = decided.reduce(
        (state, event) => fold(state, event, state.seq, release.createdAt),
        fleet.state,
      );
      const to = rollout === null ? serving : rollout.to;
      return to === null ? [] : along(to, to === release.number);
    });
    fleet.wake();
    const created = events.some((event) => event.kind === 'release.made');
    const target = fleet.state.rollout?.to ?? fleet.state.serving;
    const existing = target === null ? undefined : fleet.state.releases[target - 1];
    return { release: created ? release : (existing ?? release), created, rollout: fleet.state.rollout?.id ?? null };
  }

  /** What a deploy would do, one step ahead: the events it would record and the first plan. */
  async previewDeploy(request: DeployRequest): Promise<{ readonly events: readonly FleetEvent[]; readonly plan: Plan }> {
    const fleet = this.#fleet(request.content.fleet);
    const release = this.#releaseFor(fleet, request);
    const events = decide(fleet.state, deployOf(request, release), this.#parts.revoked);
    return { events, plan: await fleet.preview(events) };
  }

  /** The release that a command would set out for; null: none. Throws what the command would. */
  destination(id: FleetId, command: Exclude<Command, { kind: 'deploy' }>): Release | null {
    const { state } = this.fleet(id);
    const start = decide(state, command, this.#parts.revoked).find((event) => event.kind === 'rollout.started');
    return start?.to == null ? null : releaseOfState(state, start.to);
  }

  /** Acts at once: resolves when the first rounds have run, by which time the fleet may be elsewhere already. */
  async command(id: FleetId, command: Exclude<Command, { kind: 'deploy' }>, by: string): Promise<Commanded> {
    const fleet = this.fleet(id);
    const changed = fleet.command(command, by).length > 0;
    const { rollout, serving } = fleet.state;
    await fleet.tick();
    return { changed, moving: rollout !== null, target: rollout === null ? serving : rollout.to };
  }

  /** What an experiment would do, and what speaks against it. */
  async planChaos(id: FleetId, request: ChaosRequest): Promise<ChaosPlan> {
    const fleet = this.fleet(id);
    await fleet.tick();
    return fleet.planChaos(request);
  }

  /** Begins an experiment: resolves when its victims are killed, or are spared because the fleet is another by now. */
  async chaos(id: FleetId, request: ChaosRequest): Promise<ChaosPlan & { readonly experiment: number }> {
    const fleet = this.fleet(id);
    await fleet.tick();
    const begun = fleet.chaos(request);
    await fleet.tick();
    return begun;
  }

  /** For so long at least no daemon has run: said to each fleet of which deadlines ran meanwhile, before it looks at anything. */
  missed(ms: number): void {
    if (ms < WORTH_SAYING_MS) return;
    for (const id of this.list()) if (hasDeadlines(this.state(id))) this.fleet(id).unattended(ms);
  }

  /** Something outside the fleets has changed what they may do: all look at once. */
  wake(): void {
    for (const fleet of this.#fleets.values()) fleet.wake();
  }

  /** Releases that fleets have use for: every one that serves, is on its way, warm, or that a rollback goes back to; and why. */
  releasesInUse(): readonly (readonly [release: Release, why: string])[] {
    return this.list().flatMap((id) => releasesOf(this.state(id)));
  }

  /** Every fleet once, until there is nothing to do; the time of the next look. */
  async tickAll(): Promise<number> {
    const times = await Promise.all(this.list().map((id) => this.fleet(id).tick()));
    return Math.min(...times, this.#parts.clock.now() + 2_000);
  }

  /** Runs the fleets' loops, those of fleets to come too, until `close`. */
  start(): void {
    this.#started = true;
    this.#stopListening = this.#parts.engine.onChange((fleet) => this.#fleets.get(fleet)?.wake());
    for (const fleet of this.#fleets.values()) void fleet.run();
  }

  /** Instances and traffic stay as they are. */
  close(): void {
    this.#stopListening?.();
    this.#parts.executor.close();
    this.wake();
  }

  #releaseFor(fleet: Fleet, { content, label, brokenGlass }: DeployRequest): Release {
    return {
      number: nextRelease(fleet.state),
      hash: sha256(canonicalJson(content)),
      content,
      createdAt: this.#parts.clock.now(),
      label,
      ...(brokenGlass === undefined ? {} : { brokenGlass }),
    };
  }

  #fleet(id: FleetId): Fleet {
    const known = this.#fleets.get(id);
    if (known !== undefined) return known;
    const fleet = new Fleet(id, this.#parts);
    this.#fleets.set(id, fleet);
    if (this.#started) void fleet.run();
    return fleet;
  }
}

const deployOf = ({ size, bounds, upkeep }: DeployRequest, release: Release): Command => ({
  kind: 'deploy',
  release,
  size,
  bounds,
  ...(upkeep === undefined ? {} : { upkeep }),
});

/** A restart that nobody notices is none. */
const WORTH_SAYING_MS = 1_000;

const hasDeadlines = ({ rollout, recycled, life, tasks }: FleetState): boolean =>
  rollout !== null || recycled !== null || life === 'retiring' || tasks.some(({ ended }) => ended === null);

const isThere = ({ state }: Fleet): boolean => state.releases.length > 0 && state.life !== 'retired';

/** How many releases back a rollback can go without a new bake: their images and sealed values are kept. */
const KEPT_RELEASES = 5;

function releasesOf(state: FleetState): readonly (readonly [release: Release, why: string])[] {
  const { fleet, serving, rollout, warm, trail } = state;
  const used: readonly (readonly [ReleaseNumber | null | undefined, string])[] = [
    [serving, `serves ${fleet}`],
    [rollout?.from, `a way back of ${fleet}`],
    [rollout?.to, `on its way in ${fleet}`],
    ...warm.map(({ release }) => [release, `a way back of ${fleet}`] as const),
    ...trail.slice(-KEPT_RELEASES).map((release) => [release, `a way back of ${fleet}`] as const),
  ];
  return used.flatMap(([number, why]) => {
    const release = number == null ? undefined : state.releases[number - 1];
    return release === undefined ? [] : [[release, why] as const];
  });
}
