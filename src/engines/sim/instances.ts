/** The simulated instances: launched, turning healthy or not as their image behaves, stopping with a grace, gone. */
import type { Digest } from '../../domain/digest.ts';
import { fleetOf, groupOf, type FleetId, type InstanceId } from '../../domain/ids.ts';
import type { Release } from '../../domain/release.ts';
import { KilnError } from '../../errors/error.ts';
import type { InstanceHealth, InstanceObservation } from '../engine.ts';
import { GOOD, lifeOf, type Behaviour, type Turn } from './behaviour.ts';
import type { DaemonLife, Note } from './calls.ts';
import type { VirtualClock } from './clock.ts';
import type { SimInstance } from './instance.ts';
import type { Laws } from './laws.ts';
import type { Random } from './random.ts';

interface Waiter {
  readonly life: DaemonLife;
  readonly resolve: () => void;
}

export class Instances {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #laws: Laws;
  readonly #note: Note;
  readonly #byId = new Map<InstanceId, SimInstance>();
  readonly #byFleet = new Map<FleetId, Map<InstanceId, SimInstance>>();
  readonly #gone = new Set<InstanceId>();
  readonly #images = new Set<Digest>();
  readonly #behaviours = new Map<Digest, Behaviour>();
  readonly #waiters = new Map<InstanceId, Waiter[]>();
  readonly #changed: (instance: SimInstance) => void;
  #addresses = 0;
  /** That take instances. */
  zones: readonly string[];

  /** `changed`: called after each change of an instance's health or existence. */
  constructor(
    clock: VirtualClock,
    random: Random,
    laws: Laws,
    note: Note,
    zones: readonly string[],
    changed: (instance: SimInstance) => void,
  ) {
    this.#clock = clock;
    this.zones = zones;
    this.#random = random;
    this.#laws = laws;
    this.#note = note;
    this.#changed = changed;
  }

  find = (id: InstanceId): SimInstance | undefined => this.#byId.get(id);

  /** Of one fleet, or all. In the order of their launch. */
  all(fleet?: FleetId): Iterable<SimInstance> {
    return fleet === undefined ? this.#byId.values() : (this.#byFleet.get(fleet)?.values() ?? []);
  }

  behave(image: Digest, behaviour: Behaviour): void {
    this.#behaviours.set(image, behaviour);
  }

  ensureImage(image: Digest): void {
    this.#images.add(image);
  }

  launch(id: InstanceId, release: Release, zone: string | null = null): void {
    if (this.#byId.has(id)) return;
    if (this.#gone.has(id)) this.#laws.broken(7, `${id} was launched again after it was removed`);
    if (zone !== null && !this.zones.includes(zone)) {
      throw new KilnError('LAUNCH_FAILED', `${id}: the zone ${zone} is lost`, { hint: 'the simulator made this fault; go on' });
    }
    const instance = this.#add(id, release, { status: 'starting' }, zone);
    this.#checkSingleWriter(instance);
    const { probe, deadlineMs } = release.content.health;
    const behaviour = this.#behaviourOf(release.content.image);
    const life = lifeOf(behaviour, this.#random);
    const first = life.next().value;
    if (first === undefined) this.#missDeadline(instance, deadlineMs);
    else if (probe.kind === 'none' && first.to === 'healthy')
      this.#next(instance, life, { ...first, afterMs: release.content.replace.warmUpMs });
    else this.#next(instance, life, first);
    if (first !== undefined && first.afterMs > deadlineMs) this.#missDeadline(instance, deadlineMs);
  }

  #behaviourOf(image: Digest): Behaviour {
    const behaviour = this.#behaviours.get(image) ?? GOOD;
    if (behaviour.kind !== 'crowded') return behaviour;
    const starting = [...this.#byId.values()].filter(({ health }) => health.status === 'starting').length;
    return starting > behaviour.atMost ? { kind: 'never' } : { ...behaviour, kind: 'good' };
  }

  /** What a launch that broke off leaves behind. */
  launchHalf(id: InstanceId, release: Release): void {
    if (this.#byId.has(id)) return;
    this.#add(id, release, { status: 'exited', at: this.#clock.now(), detail: 'its launch broke off', blameless: true });
  }

  /** Resolves when the instance is gone. A daemon that dies meanwhile leaves an `exited` record. `stopping`: called first. */
  remove(id: InstanceId, life: DaemonLife, stopping: (instance: SimInstance) => void): Promise<void> | undefined {
    const instance = this.#byId.get(id);
    if (instance === undefined) return undefined;
    if (instance.health.status === 'exited') {
      this.#forget(instance);
      return undefined;
    }
    const gone = new Promise<void>((resolve) => {
      const waiters = this.#waiters.get(id);
      if (waiters === undefined) this.#waiters.set(id, [{ life, resolve }]);
      else waiters.push({ life, resolve });
    });
    if (!instance.stopping) {
      stopping(instance);
      this.#stop(instance);
    }
    return gone;
  }

  /** Nothing of it is left, and nothing starts there until it is restored. */
  loseZone(zone: string): void {
    this.zones = this.zones.filter((each) => each !== zone);
    for (const instance of this.#byId.values())
      if (instance.zone === zone && instance.health.status !== 'exited') this.#turn(instance, 'exited', 'its zone is lost');
  }

  /** The world ends an instance's process. */
  kill(id: InstanceId): void {
    const instance = this.#byId.get(id);
    if (instance !== undefined && instance.health.status !== 'exited') this.#turn(instance, 'exited', 'killed');
  }

  observe(fleet?: FleetId): readonly InstanceObservation[] {
    const seen: InstanceObservation[] = [];
    for (const instance of this.all(fleet)) {
      const { id, group, release, launchedAt, zone, address, health } = instance;
      instance.reportedHealthy = health.status === 'healthy';
      instance.everReportedHealthy ||= instance.reportedHealthy;
      seen.push({ id, group, release: release.hash, launchedAt, zone, address, health });
    }
    return seen;
  }

  #add(id: InstanceId, release: Release, health: InstanceHealth, zone: string | null = null): SimInstance {
    if (!this.#images.has(release.content.image)) {
      throw new KilnError('IMAGE_NOT_FOUND', `${id}: its image was not ensured before the launch`, {
        hint: 'ensure the image first',
      });
    }
    const { port } = release.content.routing;
    const number = ++this.#addresses;
    const instance: SimInstance = {
      id,
      group: groupOf(id),
      fleet: fleetOf(groupOf(id)),
      release,
      launchedAt: this.#clock.now(),
      zone,
      address: port === null ? null : { host: `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`, port },
      health,
      stopping: false,
      leaving: false,
      reportedHealthy: false,
      everReportedHealthy: false,
      lies: this.#behaviours.get(release.content.image)?.kind === 'lies',
    };
    this.#byId.set(id, instance);
    const ofFleet = this.#byFleet.get(instance.fleet) ?? new Map<InstanceId, SimInstance>();
    this.#byFleet.set(instance.fleet, ofFleet.set(id, instance));
    this.#note(`${id} ${health.status}`);
    this.#changed(instance);
    return instance;
  }

  #checkSingleWriter(instance: SimInstance): void {
    const own = instance.release.content.launch.volumes.filter((volume) => volume.singleWriter);
    if (own.length === 0) return;
    for (const other of this.all(instance.fleet)) {
      if (other === instance || other.health.status === 'exited') continue;
      const shared = own.find(({ name }) => other.release.content.launch.volumes.some((volume) => volume.name === name));
      if (shared)
        this.#laws.broken(
          7,
          `${instance.id} was launched with the single-writer volume "${shared.name}" while ${other.id} has it`,
        );
    }
  }

  #missDeadline(instance: SimInstance, deadlineMs: number): void {
    this.#clock.at(instance.launchedAt + deadlineMs, () => {
      if (instance.health.status === 'starting') this.#turn(instance, 'unhealthy', `not healthy within ${deadlineMs} ms`);
    });
  }

  #next(instance: SimInstance, life: Generator<Turn, void>, turn: Turn): void {
    this.#clock.at(this.#clock.now() + turn.afterMs, () => {
      if (instance.stopping || this.#byId.get(instance.id) !== instance || instance.health.status === 'exited') return;
      this.#turn(instance, turn.to, turn.to === 'exited' ? 'exited with code 1' : 'GET / answered 500');
      const following = life.next().value;
      if (following !== undefined) this.#next(instance, life, following);
    });
  }

  #turn(instance: SimInstance, to: Turn['to'], detail: string): void {
    if (this.#byId.get(instance.id) !== instance) return;
    const now = this.#clock.now();
    if (to === 'healthy') instance.health = { status: 'healthy', since: now };
    else if (to === 'unhealthy') instance.health = { status: 'unhealthy', since: now, detail };
    else instance.health = { status: 'exited', at: now, detail };
    this.#note(`${instance.id} ${to}`);
    this.#changed(instance);
  }

  /** Some stop answering their probe at once, some look healthy to their end; some use all of their grace. */
  #stop(instance: SimInstance): void {
    instance.stopping = true;
    const { stopGraceMs } = instance.release.content.launch;
    const quick = this.#random.chance(0.8);
    const graceMs = quick ? this.#random.below(Math.min(stopGraceMs, 200) + 1) : stopGraceMs;
    this.#note(`${instance.id} stopping for ${graceMs} ms`);
    if (this.#random.chance(0.5) && instance.health.status === 'healthy') this.#turn(instance, 'unhealthy', 'stopping');
    else this.#changed(instance);
    this.#clock.at(this.#clock.now() + graceMs, () => this.#ended(instance), true);
  }

  #ended(instance: SimInstance): void {
    const waiters = this.#waiters.get(instance.id) ?? [];
    this.#waiters.delete(instance.id);
    if (waiters.some(({ life }) => life.alive)) this.#forget(instance);
    else this.#turn(instance, 'exited', 'stopped');
    for (const { resolve } of waiters) resolve();
  }

  #forget(instance: SimInstance): void {
    this.#byId.delete(instance.id);
    this.#byFleet.get(instance.fleet)?.delete(instance.id);
    this.#gone.add(instance.id);
    this.#note(`${instance.id} gone`);
    this.#changed(instance);
  }
}
