/**
 * Engine `sim`: a world of simulated instances and a simulated load balancer, under a virtual clock and with seeded
 * faults. Nothing in it is random but by its seed, and nothing waits for real: the same seed gives the same history, and
 * whole rollouts take less than a millisecond. It watches Kiln's laws from outside and records each breach.
 *
 * Owned here: the world. Not here: fleets, plans, what ought to happen (test/simulation drives those over it).
 */
import type { Digest } from '../../domain/digest.ts';
import type { FleetId, InstanceId, JobId } from '../../domain/ids.ts';
import type { Release } from '../../domain/release.ts';
import type { Balancer, CallContext, InstanceObservation, RoutingTable, Runtime } from '../engine.ts';
import type { Behaviour } from './behaviour.ts';
import { Calls, DaemonLife } from './calls.ts';
import { VirtualClock } from './clock.ts';
import { noFaults, type Faults } from './faults.ts';
import type { SimInstance } from './instance.ts';
import { Instances } from './instances.ts';
import { Jobs, type TaskBehaviour, type Tried } from './jobs.ts';
import { Laws, type Violation } from './laws.ts';
import { Random } from './random.ts';
import { Sources, type MetricBehaviour } from './sources.ts';
import { SimTraffic } from './traffic.ts';

export interface SimWorldOptions {
  readonly seed: number;
  /** Milliseconds since the epoch; default 1 January 2026. */
  readonly startMs?: number;
  readonly faults?: Faults;
  /** Default: none. */
  readonly zones?: readonly string[];
  /** How many failed instances are replaced at once. Default: any number. */
  readonly healing?: number;
  /** Gets a line for each thing that happens, for people. */
  readonly trace?: (line: string) => void;
}

/** What one life of the daemon holds of the world. After its end every call throws CrashSignal and has no effect. */
export interface Session {
  readonly life: DaemonLife;
  readonly runtime: Runtime;
  readonly balancer: Balancer;
  /** Brings a webhook to where it is taken, or not: null where it is. As its image behaves. */
  deliver(image: Digest, subject: string, withinMs: number, ctx: CallContext): Promise<string | null>;
  /** A number of the image's group, from a source that is not a command. As the image behaves. */
  measure(image: Digest, ctx: CallContext): Promise<number | null>;
  /** Passes a local synchronous write (the journal's) through the same faults and crashes. */
  write<T>(subject: string, run: () => T): T;
}

export interface SimWorld {
  readonly clock: VirtualClock;
  /** The first daemon's hold of the world. */
  readonly runtime: Runtime;
  readonly balancer: Balancer;
  readonly deliver: Session['deliver'];
  readonly measure: Session['measure'];
  /** Ends the former daemon's life, if it still lives, and begins the next. */
  connect(): Session;
  behave(image: Digest, behaviour: Behaviour): void;
  /** Default: all pass. */
  behaveTasks(image: Digest, tried: Tried, behaviour: TaskBehaviour): void;
  /** Default: about 100. */
  behaveMetrics(image: Digest, behaviour: MetricBehaviour): void;
  setFaults(faults: Faults): void;
  /** The world ends an instance's process. */
  kill(instance: InstanceId): void;
  killBalancer(forMs: number): void;
  /** How many requests a fleet gets; default 0.1 a ms. */
  setRate(fleet: FleetId, requestsPerMs: number): void;
  loseZone(zone: string): void;
  restoreZone(zone: string): void;
  /** The machine is started anew: nothing that ran is left, and how jobs ended nobody knows. The daemon dies with it. */
  reboot(): void;
  /** Whether the job truly passed, whatever was reported of it. */
  hasPassed(job: JobId): boolean;
  /** To be told by the driver when Kiln decides (and journals) that an instance goes: law 4 counts it out from here on. */
  decidedToRetire(instance: InstanceId): void;
  /** Healthy serving instances below which Kiln may not take a fleet (law 4). Default 0. */
  setFloor(floorOf: (fleet: FleetId) => number): void;
  readonly violations: readonly Violation[];
  /** Calls so far, appends included: the index of the next one. */
  callCount(): number;
  /** As it is, not as it was last reported. */
  instances(): readonly SimInstance[];
  /** Those that are there, whatever their state. */
  jobs(): readonly JobId[];
  routing(fleet: FleetId): RoutingTable | undefined;
}

const START_MS = Date.UTC(2026, 0, 1);

export function createSimWorld(options: SimWorldOptions): SimWorld {
  const clock = new VirtualClock(options.startMs ?? START_MS);
  const start = clock.now();
  const { trace } = options;
  const note = (text: string): void => trace?.(`${((clock.now() - start) / 1000).toFixed(3).padStart(10)} s  ${text}`);
  const laws = new Laws(() => clock.now(), note);
  const listeners = new Set<(fleet: FleetId) => void>();
  const instances: Instances = new Instances(
    clock,
    new Random(options.seed ^ 0x1157),
    laws,
    note,
    options.zones ?? [],
    (instance) => {
      traffic.changed(instance);
      tell(instance.fleet);
    },
  );
  const tell = (fleet: FleetId): void => {
    for (const listener of listeners) listener(fleet);
  };
  const jobs = new Jobs(clock, laws, instances, note, tell);
  const traffic = new SimTraffic(clock, new Random(options.seed ^ 0x7aff1c), laws, instances, note);
  const sources = new Sources(clock, new Random(options.seed ^ 0x50c));
  const calls = new Calls(clock, new Random(options.seed ^ 0xca115), options.faults ?? noFaults, note);
  const healing = options.healing ?? Number.POSITIVE_INFINITY;
  const place: Place = { clock, laws, healing, instances, jobs, sources, traffic, calls, listeners };
  let session = connect(place);
  return {
    clock,
    runtime: session.runtime,
    balancer: session.balancer,
    deliver: (image, subject, withinMs, ctx) => session.deliver(image, subject, withinMs, ctx),
    measure: (image, ctx) => session.measure(image, ctx),
    connect() {
      session.life.end();
      session = connect(place);
      return session;
    },
    behave: (image, behaviour) => instances.behave(image, behaviour),
    behaveTasks: (image, tried, behaviour) => jobs.behave(image, tried, behaviour),
    behaveMetrics: (image, behaviour) => sources.behave(image, behaviour),
    hasPassed: jobs.hasPassed,
    reboot() {
      session.life.end();
      for (const { id } of instances.all()) instances.kill(id);
      jobs.reboot();
      traffic.die(1000);
    },
    setFaults(faults) {
      calls.faults = faults;
    },
    kill: (instance) => instances.kill(instance),
    killBalancer: (forMs) => traffic.die(forMs),
    setRate: (fleet, requestsPerMs) => traffic.setRate(fleet, requestsPerMs),
    loseZone: (zone) => instances.loseZone(zone),
    restoreZone(zone) {
      instances.zones = [...new Set([...instances.zones, zone])].toSorted();
    },
    decidedToRetire(id) {
      const instance = instances.find(id);
      if (instance !== undefined) traffic.checkLeave(instance);
    },
    setFloor(floorOf) {
      laws.floorOf = floorOf;
    },
    violations: laws.violations,
    callCount: () => calls.count,
    instances: () => [...instances.all()],
    jobs: () => jobs.observe().map(({ id }) => id),
    routing: (fleet) => traffic.table(fleet),
  };
}

interface Place {
  readonly clock: VirtualClock;
  readonly laws: Laws;
  readonly healing: number;
  readonly instances: Instances;
  readonly jobs: Jobs;
  readonly sources: Sources;
  readonly traffic: SimTraffic;
  readonly calls: Calls;
  readonly listeners: Set<(fleet: FleetId) => void>;
}

function connect(place: Place): Session {
  const life = new DaemonLife();
  return {
    life,
    runtime: runtimeOf(place, life),
    balancer: balancerOf(place, life),
    deliver: (image, subject, withinMs, ctx) =>
      place.calls.make(life, ctx, {
        verb: 'deliver',
        subject,
        unreachable: 'ENGINE_UNREACHABLE',
        run: () => tried(place, image, 'webhook', withinMs, ctx),
      }),
    measure: (image, ctx) =>
      place.calls.make(life, ctx, {
        verb: 'measure',
        subject: image,
        unreachable: 'METRIC_UNREADABLE',
        run: () => place.sources.ask(image),
      }),
    write: (subject, run) => place.calls.write(life, subject, run),
  };
}

/** Takes its time, then says null or what was wrong. */
async function tried(
  { jobs, clock }: Place,
  image: Digest,
  what: Tried,
  withinMs: number,
  ctx: CallContext,
): Promise<string | null> {
  const { ends, afterMs } = jobs.behaviourOf(image, what);
  const isLate = ends === 'never' || afterMs >= withinMs;
  await clock.sleep(isLate ? withinMs : afterMs, ctx.signal);
  if (isLate) return 'it was not over in time';
  return ends === 'passed' ? null : 'it answered 500, not 200';
}

function runtimeOf(place: Place, life: DaemonLife): Runtime {
  const { instances, jobs, sources, traffic, calls, listeners, healing } = place;
  const unreachable = 'ENGINE_UNREACHABLE';
  const own = new Set<(fleet: FleetId) => void>();
  return {
    name: 'sim',
    get capabilities() {
      return { zones: instances.zones, healing };
    },
    check: (ctx) => calls.make(life, ctx, { verb: 'check', subject: 'runtime', unreachable, run: () => [] }),
    ensureImage: (image, ctx) =>
      calls.make(life, ctx, { verb: 'ensureImage', subject: image, unreachable, run: () => instances.ensureImage(image) }),
    launch: (id: InstanceId, release: Release, ctx, zone) =>
      calls.make(life, ctx, {
        verb: 'launch',
        subject: id,
        unreachable: 'LAUNCH_FAILED',
        run: () => {
          jobs.checkLaunch(id, release);
          instances.launch(id, release, zone);
        },
        half: () => instances.launchHalf(id, release),
      }),
    remove: (id, ctx) =>
      calls.make(life, ctx, {
        verb: 'remove',
        subject: id,
        unreachable,
        run: () => instances.remove(id, life, (instance) => traffic.checkStop(instance)),
      }),
    kill: (id, ctx) => calls.make(life, ctx, { verb: 'kill', subject: id, unreachable, run: () => instances.kill(id) }),
    observe: (ctx, fleet) =>
      calls.make<readonly InstanceObservation[]>(life, ctx, {
        verb: 'observe',
        subject: '',
        unreachable,
        run: () => instances.observe(fleet),
      }),
    usage: (fleet, ctx) => calls.make(life, ctx, { verb: 'usage', subject: fleet, unreachable, run: () => traffic.usage(fleet) }),
    startJob: (job, ctx) =>
      calls.make(life, ctx, {
        verb: 'startJob',
        subject: job.id,
        unreachable,
        run: () => jobs.start(job),
        half: () => jobs.make(job),
      }),
    jobs: (ctx) => calls.make(life, ctx, { verb: 'jobs', subject: '', unreachable, run: () => jobs.observe() }),
    removeJob: (id, ctx) =>
      calls.make(life, ctx, { verb: 'removeJob', subject: id, unreachable, run: () => jobs.remove(id, life) }),
    test: (id, _test, withinMs, ctx) =>
      calls.make(life, ctx, {
        verb: 'test',
        subject: id,
        unreachable,
        run: async () => {
          const image = instances.find(id)?.release.content.image;
          return image === undefined ? 'it is gone' : tried(place, image, 'test', withinMs, ctx);
        },
      }),
    output: (id, _command, ctx) =>
      calls.make(life, ctx, {
        verb: 'output',
        subject: id,
        unreachable: 'METRIC_UNREADABLE',
        run: () => {
          const image = instances.find(id)?.release.content.image;
          return JSON.stringify(image === undefined ? null : sources.ask(image));
        },
      }),
    onChange(listener) {
      const heard = (fleet: FleetId): void => {
        if (life.alive) listener(fleet);
      };
      own.add(heard);
      listeners.add(heard);
      return () => void listeners.delete(heard);
    },
    close() {
      for (const heard of own) listeners.delete(heard);
      return Promise.resolve();
    },
  };
}

function balancerOf({ traffic, calls }: Place, life: DaemonLife): Balancer {
  const unreachable = 'BALANCER_UNREACHABLE';
  return {
    check: (ctx) => calls.make(life, ctx, { verb: 'check', subject: 'balancer', unreachable, run: () => [] }),
    requireListen: (fleet, addresses, ctx) =>
      calls.make(life, ctx, {
        verb: 'requireListen',
        subject: fleet,
        unreachable,
        run: () => traffic.requireListen(fleet, addresses),
      }),
    apply: (table, ctx) =>
      calls.make(life, ctx, { verb: 'apply', subject: table.fleet, unreachable, run: () => traffic.apply(table) }),
    remove: (fleet, ctx) =>
      calls.make(life, ctx, { verb: 'removeFleet', subject: fleet, unreachable, run: () => traffic.removeFleet(fleet) }),
    observe: (fleet, ctx) =>
      calls.make(life, ctx, { verb: 'observeBalancer', subject: fleet, unreachable, run: () => traffic.observe(fleet) }),
    evict: (instance, most, ctx) =>
      calls.make(life, ctx, { verb: 'evict', subject: instance, unreachable, run: () => traffic.evict(instance, most) }),
    metrics: (fleet, ctx) =>
      calls.make(life, ctx, { verb: 'metrics', subject: fleet, unreachable, run: () => traffic.metrics(fleet) }),
    tables: (ctx) => calls.make(life, ctx, { verb: 'tables', subject: '', unreachable, run: () => traffic.tables() }),
    close: () => Promise.resolve(),
  };
}
