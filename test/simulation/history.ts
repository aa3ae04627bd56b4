/**
 * One simulated history: a scenario acted out over the simulated world by the real fleets and executor, through faults and
 * crashes, until it is at rest. Every law is checked at every tick; what is broken is in the result.
 */
import type { Digest } from '../../src/domain/digest.ts';
import type { GroupId, InstanceId, ReleaseNumber } from '../../src/domain/ids.ts';
import { canonicalJson } from '../../src/domain/json.ts';
import type { Behaviour } from '../../src/engines/sim/behaviour.ts';
import { noFaults, randomFaults, type Faults } from '../../src/engines/sim/faults.ts';
import { Random } from '../../src/engines/sim/random.ts';
import { createSimWorld, type Session, type SimWorld } from '../../src/engines/sim/world.ts';
import { KilnError, messageOf } from '../../src/errors/error.ts';
import { lineageEntry } from '../../src/lineage/events.ts';
import { alarmsOf } from '../../src/plan/alarms.ts';
import { emptyFleet, type FleetState } from '../../src/plan/state.ts';
import type { Entry, Journal } from '../../src/store/journal.ts';
import { MemoryJournal } from '../../src/store/memory.ts';
import { startDaemon, stateOf, type Daemon } from './daemon.ts';
import {
  actsAtRest,
  closesWayBack,
  floorOf,
  killsTooMany,
  goesPastAlarm,
  leansOnCanary,
  overdue,
  passesCheckpoint,
  revokedBy,
  servesWhatFailed,
  settles,
  unrest,
} from './expectations.ts';
import { FLEET, hashOfContent } from './releases.ts';
import type { Act, Scenario } from './scenario.ts';
import { TaskWatch } from './task-expectations.ts';

export interface HistoryResult {
  readonly seed: number;
  readonly rollouts: number;
  readonly crashes: number;
  readonly calls: number;
  /** Calls up to the end of the scenario's acts. */
  readonly ticks: number;
  /** In the words of the laws; empty where all held. */
  readonly broken: readonly string[];
  readonly entries: readonly Entry[];
}

export interface HistoryOptions {
  /** Instead of the scenario's random faults. */
  readonly faults?: Faults;
  readonly trace?: (line: string) => void;
  /** Before it is given up for restless; default MAX_TICKS. */
  readonly maxTicks?: number;
  /** Gives the daemon another hold of the world than the true one: proves that the laws are watched. */
  readonly sabotage?: (session: Session) => Session;
  /** The daemon hears of no revocation: proves that law 1 is watched. */
  readonly blind?: boolean;
  /** Also rebuilds everything from the journal's text at the end and compares. */
  readonly replay?: boolean;
}

/** Time within which everything must have come to rest: a paused rollout may wait for a day. */
const REST_LIMIT_MS = 36 * 3_600_000;
/** Longer than the load balancer's outages and than calls that hang. */
const LONGEST_WAIT_MS = 70_000;
/** After the last act, while there still are faults. */
const SETTLING_MS = 5000;
/** More than these in one tick is a planner that does not come to rest. */
const BUSY_ENTRIES = 300;
const MAX_TICKS = 20_000;

export async function runHistory(scenario: Scenario, options: HistoryOptions = {}): Promise<HistoryResult> {
  const history = new History(scenario, options);
  try {
    await history.run();
  } catch (error) {
    history.broken.add(`the simulation threw: ${error instanceof Error ? error.stack : messageOf(error)}`);
  }
  return history.result();
}

class History {
  readonly broken = new Set<string>();
  readonly #scenario: Scenario;
  readonly #options: HistoryOptions;
  readonly #world: SimWorld;
  readonly #journal: MemoryJournal;
  readonly #ids: Random;
  readonly #behaviours = new Map<Digest, Behaviour>();
  readonly #tasks = new TaskWatch((job) => this.#world.hasPassed(job));
  #daemon: Daemon;
  /** Nobody starts the daemon before then, but for a person who wants something of it. */
  #awayUntil = 0;
  /** When a daemon last did something. */
  #aliveAt = 0;
  /** Of each group, as last asked for. */
  readonly #sizes = new Map<GroupId, number>();
  #crashes = 0;
  #ticks = 0;
  #changed = false;
  #appended = 0;
  #appendedBefore = 0;
  #idleLooks = 0;
  /** Until the last act: what follows its load is measured as often as it wants to be. */
  #acting = true;
  /** Of the present tick: what was decided before a command may still be carried out in the tick that it met. */
  #lowestFloor = 0;

  constructor(scenario: Scenario, options: HistoryOptions) {
    this.#scenario = scenario;
    this.#options = options;
    const { seed } = scenario;
    const faults = options.faults ?? randomFaults(new Random(seed ^ 0xfa017), scenario.faults);
    this.#world = createSimWorld({ seed, faults, ...(options.trace === undefined ? {} : { trace: options.trace }) });
    this.#journal = new MemoryJournal({ now: () => this.#world.clock.now(), hashing: false });
    this.#ids = new Random(seed ^ 0x1d5);
    this.#world.setFloor(() => Math.min(this.#floor(), this.#lowestFloor));
    this.#journal.follow((entries) => this.#watch(entries));
    this.#daemon = this.#start(this.#journal);
  }

  async run(): Promise<void> {
    const { clock } = this.#world;
    let at = clock.now();
    for (const { afterMs, act } of this.#scenario.acts) {
      at += afterMs;
      clock.at(at, () => this.#act(act));
    }
    await this.#driveUntil(at + SETTLING_MS);
    await this.#driveUntil(this.#awayUntil);
    this.#acting = false;
    this.#world.setFaults(noFaults);
    if (!this.#mayStayPaused()) {
      this.#act({ kind: 'resume' });
      this.#act({ kind: 'promote', past: 'all' });
    }
    await this.#driveToRest();
    if (this.#options.replay === true) await this.#compareReplay();
  }

  result(): HistoryResult {
    const laws = this.#world.violations.map(({ law, what }) => `law ${law}: ${what}`);
    const entries = this.#journal.snapshot();
    const rollouts = entries.filter(({ kind }) => kind === 'rollout.started').length;
    const calls = this.#world.callCount();
    const { seed } = this.#scenario;
    return { seed, rollouts, crashes: this.#crashes, calls, ticks: this.#ticks, broken: [...laws, ...this.broken], entries };
  }

  #floor(): number {
    return floorOf(this.#state(), this.#world.instances());
  }

  #state(): FleetState | null {
    return stateOf(this.#daemon, FLEET);
  }

  #note(text: string): void {
    this.#options.trace?.(`             ${text}`);
  }

  #start(journal: Journal): Daemon {
    const session = this.#world.connect();
    session.runtime.onChange(() => {
      this.#changed = true;
    });
    return startDaemon(
      this.#world.clock,
      this.#watched(this.#options.sabotage?.(session) ?? session),
      journal,
      this.#ids,
      this.#options.blind,
    );
  }

  /** Law 1: asked of the journal itself, at the moment of each launch. */
  #watched(session: Session): Session {
    const launch: Session['runtime']['launch'] = (id, release, ctx) => {
      if (this.#isRevoked(release.content.image)) this.broken.add(`law 1: ${id} is launched, and its image is revoked`);
      return session.runtime.launch(id, release, ctx);
    };
    /** Law 4: an experiment keeps to the fleet's own floor, unless a person has overruled that. */
    const kill: Session['runtime']['kill'] = (id, ctx) => {
      const broken = killsTooMany(this.#state(), this.#world.instances(), this.#world.routing(FLEET), id);
      for (const what of broken) this.broken.add(what);
      return session.runtime.kill(id, ctx);
    };
    return { ...session, runtime: { ...session.runtime, launch, kill } };
  }

  #isRevoked(image: Digest): boolean {
    return revokedBy(this.#journal.snapshot(), this.#world.clock.now()).has(image);
  }

  #watch(entries: readonly Entry[]): void {
    this.#appended += entries.length;
    this.#lowestFloor = Math.min(this.#lowestFloor, this.#floor());
    for (const entry of entries) {
      const { seq, kind, data } = entry;
      const state = this.#state();
      const grown = passesCheckpoint(state, entry, this.#sizes);
      if (kind === 'group.sized') {
        const { group, size } = data as { readonly group: GroupId; readonly size: number };
        this.#sizes.set(group, size);
      }
      const leaning = leansOnCanary(state, this.#world.instances(), entry);
      for (const broken of this.#tasks.see(entry, state)) this.broken.add(broken);
      const wayBack = closesWayBack(state, entry, (image) => this.#isRevoked(image));
      const wrong = [
        ...wayBack,
        ...servesWhatFailed(state, entry),
        ...leaning,
        ...actsAtRest(state, entry),
        ...grown,
        ...goesPastAlarm(state, entry),
      ];
      for (const broken of wrong) this.broken.add(broken);
      if (kind === 'instance.retiring') this.#world.decidedToRetire((data as { readonly instance: InstanceId }).instance);
      if (kind === 'plan.refused') this.broken.add(`the planner's plan was refused: ${canonicalJson(data)}`);
      if (this.#options.trace !== undefined) this.#note(`#${seq} ${kind} ${brief(data)}`);
    }
  }

  /** Given whenever its time comes, in the middle of a round too. */
  #act(act: Act): void {
    this.#note(`— ${act.kind}`);
    this.#changed = true;
    if (!this.#alive() && !OF_THE_WORLD.has(act.kind)) this.#restart();
    try {
      this.#give(act);
    } catch (error) {
      if (!this.#alive() || error instanceof KilnError) this.#note(`  ${messageOf(error)}`);
      else throw error;
    }
  }

  #give(act: Act): void {
    const { fleets, session } = this.#daemon;
    switch (act.kind) {
      case 'deploy':
        this.#behaviours.set(act.content.image, act.behaviour);
        this.#world.behave(act.content.image, act.behaviour);
        if (act.metrics !== undefined) this.#world.behaveMetrics(act.content.image, act.metrics);
        for (const tried of ['job', 'test', 'webhook'] as const) {
          const ends = act.tasks?.[tried];
          if (ends !== undefined) this.#world.behaveTasks(act.content.image, tried, ends);
        }
        fleets.deploy({
          content: act.content,
          size: act.size,
          bounds: act.bounds ?? null,
          ...(act.upkeep === undefined ? {} : { upkeep: act.upkeep }),
          label: act.behaviour.kind,
          by: 'simulation',
        });
        return;
      case 'redeploy': {
        const state = this.#state();
        const release = state?.releases[act.nth % Math.max(1, state.releases.length)];
        if (state !== null && release)
          fleets.deploy({ content: release.content, size: state.size, bounds: null, label: '', by: 'simulation' });
        return;
      }
      case 'rollback':
        return this.#command({ ...act, to: act.to as ReleaseNumber | null });
      case 'approve':
        return this.#command({ kind: 'approve', by: 'simulation' });
      case 'reboot':
        return this.#world.reboot();
      case 'promote':
        return this.#command({ kind: 'promote', past: act.past });
      case 'scale':
        return this.#command({ kind: 'scale', size: act.size });
      case 'load':
        return this.#world.setRate(FLEET, act.requestsPerMs);
      case 'abort':
        return this.#command(act);
      case 'pause':
      case 'resume':
      case 'stop':
      case 'start':
      case 'retire':
        return this.#command({ kind: act.kind });
      case 'revoke': {
        const release = this.#state()?.releases[act.nth];
        if (release === undefined) return;
        const since = this.#world.clock.now() + act.inMs;
        const { image } = release.content;
        const by = 'simulation';
        this.#daemon.journal.append([
          lineageEntry({ kind: 'image.revoked', image, since, cascade: false, through: null, by, why: '' }),
        ]);
        return fleets.wake();
      }
      case 'kill': {
        const all = this.#world.instances();
        const one = all[act.nth % Math.max(1, all.length)];
        return one === undefined ? undefined : this.#world.kill(one.id);
      }
      case 'chaos': {
        if (this.#state() === null) return;
        const { seed } = this.#scenario;
        fleets.fleet(FLEET).chaos({ kill: act.kill, forced: act.forced, seed, by: 'simulation' });
        return fleets.wake();
      }
      case 'kill-balancer':
        return this.#world.killBalancer(act.forMs);
      case 'crash':
        return session.life.end();
      case 'outage':
        this.#aliveAt = this.#world.clock.now();
        this.#awayUntil = this.#aliveAt + act.forMs;
        return session.life.end();
    }
  }

  #command(command: Parameters<Daemon['fleets']['command']>[1]): void {
    if (this.#state() !== null) this.#daemon.fleets.fleet(FLEET).command(command, 'simulation');
  }

  /** A pause lasts for a day: waited for now and then, and never with instances that fail all day. */
  #mayStayPaused(): boolean {
    return this.#scenario.seed % 4 === 0 && [...this.#behaviours.values()].every(settles);
  }

  #alive(): boolean {
    return this.#daemon.session.life.alive;
  }

  async #driveUntil(end: number): Promise<void> {
    while (this.#world.clock.now() < end) await this.#step(end);
  }

  async #driveToRest(): Promise<void> {
    const { clock } = this.#world;
    const limit = clock.now() + REST_LIMIT_MS;
    for (;;) {
      const wrong = this.#unrest();
      if (wrong.length === 0) return;
      if (clock.now() >= limit) {
        for (const what of wrong) this.broken.add(`law 7: not at rest: ${what}`);
        return;
      }
      if (!this.#mayStayPaused() && this.#waitsForApproval()) this.#act({ kind: 'approve' });
      if (!this.#mayStayPaused() && this.#waitsForPromotion()) this.#act({ kind: 'promote', past: 'step' });
      await this.#step(limit);
    }
  }

  /** As long as a pause. */
  #waitsForApproval(): boolean {
    return this.#state()?.tasks.some(({ task, ended }) => ended === null && task.startsWith('approval')) === true;
  }

  /** A step of a canary that would stand for a day, beside whatever fails all day. */
  #waitsForPromotion(): boolean {
    const waits = this.#daemon.fleets.fleet(FLEET).last?.plan.waits ?? [];
    return (
      this.#alive() &&
      waits.some(({ state, until }) => (state === 'canary-promotion' || state === 'canary-evidence') && this.#isFar(until))
    );
  }

  #isFar(until: number | null): boolean {
    return until !== null && until - this.#world.clock.now() > REST_LIMIT_MS / 48;
  }

  #unrest(): readonly string[] {
    return unrest({
      state: this.#state() ?? { ...emptyFleet(FLEET), life: 'retired' },
      instances: this.#world.instances(),
      jobs: this.#world.jobs(),
      routing: this.#world.routing(FLEET),
      behaviourOf: (content) => this.#behaviours.get(content.image),
      isRevoked: ({ image }) => this.#isRevoked(image),
    });
  }

  /** A tick, then time on to the next moment at which anything can happen, at most to `end`. */
  async #step(end: number): Promise<void> {
    const { clock } = this.#world;
    if (!this.#alive() && clock.now() < this.#awayUntil) {
      await clock.advance(Math.min(end, this.#awayUntil) - clock.now(), () => this.#alive());
      return;
    }
    if (!this.#alive()) this.#restart();
    if (!this.#alive()) return;
    this.#aliveAt = clock.now();
    this.#changed = false;
    const next = await this.#tick();
    if (!this.#alive() || this.#changed) return;
    if (++this.#ticks > (this.#options.maxTicks ?? MAX_TICKS)) throw new Error(`law 7: not at rest after ${this.#ticks} ticks`);
    const until = Math.min(end, Math.max(clock.now() + 1, this.#unhurried(next)));
    await clock.advance(until - clock.now(), () => this.#changed || !this.#alive());
  }

  /**
   * A fleet that waits looks every two seconds. Where look after look finds nothing to do, the simulation leaves out more
   * and more of them, up to the time that the plan itself named.
   */
  #unhurried(next: number): number {
    const { clock } = this.#world;
    const appended = this.#appended;
    this.#idleLooks = appended === this.#appendedBefore ? this.#idleLooks + 1 : 0;
    this.#appendedBefore = appended;
    const named = this.#state() === null ? null : this.#daemon.fleets.fleet(FLEET).last?.plan.wakeAt;
    const state = this.#state();
    const measures = this.#acting && state !== null && (state.upkeep.scale !== null || alarmsOf(state) !== null);
    const patientMs = (next - clock.now()) * 2 ** Math.min(this.#idleLooks, measures ? 1 : 12);
    return Math.min(clock.now() + patientMs, Math.max(next, named ?? Infinity));
  }

  /** The time of the next look. */
  async #tick(): Promise<number> {
    const { clock } = this.#world;
    const { fleets, session } = this.#daemon;
    if (this.#state() === null) return Infinity;
    const fleet = fleets.fleet(FLEET);
    this.#lowestFloor = this.#floor();
    const appended = this.#appended;
    const tick = fleet.tick().catch((error: unknown) => {
      if (session.life.alive) throw error;
    });
    const wakeAt = await clock.finish(tick, () => !session.life.alive);
    if (wakeAt === undefined || !session.life.alive) return 0;
    if (fleet.trouble !== null && !SIMULATED.test(fleet.trouble)) this.broken.add(`unexpected trouble: ${fleet.trouble}`);
    if (fleet.last !== null && fleet.trouble === null)
      for (const late of overdue(fleet.last.plan, clock.now())) this.broken.add(late);
    if (this.#appended - appended > BUSY_ENTRIES) this.broken.add('law 6: a tick found no end of things to do');
    if (this.broken.size + this.#world.violations.length > 20) throw new Error('too much is broken');
    return wakeAt;
  }

  #restart(): void {
    this.#crashes += 1;
    this.#note('— the daemon starts again');
    this.#daemon = this.#start(this.#journal);
    const awayMs = this.#awayUntil === 0 ? 0 : this.#world.clock.now() - this.#aliveAt;
    this.#awayUntil = 0;
    try {
      this.#daemon.fleets.missed(awayMs);
    } catch (error) {
      // It may die as it writes that down.
      if (this.#alive()) throw error;
    }
  }

  /** Law 9: a new daemon over the journal's text comes to the same state. */
  async #compareReplay(): Promise<void> {
    const { clock } = this.#world;
    for (const { number, hash, content } of this.#state()?.releases ?? []) {
      if (hashOfContent(content) !== hash) this.broken.add(`law 8: r${number} is not what its hash says`);
    }
    await this.#driveUntil(clock.now() + LONGEST_WAIT_MS);
    const before = canonicalJson(this.#state());
    const seen = canonicalJson(await clock.finish(this.#daemon.engine.observe(FLEET, CALL)));
    const entries = JSON.parse(JSON.stringify(this.#journal.snapshot())) as readonly Entry[];
    const journal = new MemoryJournal({ now: () => clock.now(), entries, hashing: false });
    this.#daemon = this.#start(journal);
    if (canonicalJson(this.#state()) !== before) this.broken.add('law 9: the journal replays to another state');
    const again = canonicalJson(await clock.finish(this.#daemon.engine.observe(FLEET, CALL)));
    if (again !== seen) this.broken.add(`law 9: the journal replays to other groups: ${seen} is now ${again}`);
  }
}

/** What happens without Kiln. */
const OF_THE_WORLD: ReadonlySet<Act['kind']> = new Set(['kill', 'kill-balancer', 'load', 'reboot', 'outage']);

const CALL = { signal: new AbortController().signal };

/** What faults say (see calls.ts and traffic.ts), and plans that the world has overtaken. */
const SIMULATED = /refused|the answer was lost|no answer|simulated|healthy instances and has/;

function brief(data: unknown): string {
  const text = canonicalJson(data);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
