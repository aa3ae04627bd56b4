/**
 * What Kiln asks of a place where fleets run. Two levels:
 *
 * - `Engine` speaks of groups with a size (what Kubernetes and AWS keep natively). The fleet planner knows only this.
 * - `Runtime` and `Balancer` speak of instances (what `host` and `docker` have). The keeper turns an engine's group sizes
 *   into launches, drains and stops on them (src/execute/kept-engine.ts).
 *
 * No verb changes an instance (law 2): there is launch and there is retire. Every verb is idempotent and declarative, so
 * that it can be called again after a crash: what is already so is success, what is already gone is success.
 * Engines import this file, never each other, and never the planner.
 */
import type { Digest } from '../domain/digest.ts';
import type { FleetId, GroupId, InstanceId, JobId } from '../domain/ids.ts';
import type { Health, Release } from '../domain/release.ts';
import type { ClientKey, Match } from '../domain/requests.ts';
import type { InstanceTest } from '../domain/task.ts';

export type EngineName = 'host' | 'docker' | 'kubernetes' | 'aws' | 'sim';

/** Something that is not as it should be, and what to do about it. `fatal`: nothing can run until it is mended. */
export interface Problem {
  readonly what: string;
  readonly hint: string;
  readonly fatal: boolean;
  /** What a command fails with where the problem is fatal; REQUIREMENT_MISSING where absent. */
  readonly code?: 'NEEDS_ROOT' | 'HISTORY_LOST';
  /** Which of the requirements that doctor lists is not met, by its name. */
  readonly requirement?: string;
}

export interface CallContext {
  readonly signal: AbortSignal;
}

/** What a place has to offer. It may change: read it anew each time. */
export interface Capabilities {
  /** Zones that take instances now; none where there is nothing to spread over. */
  readonly zones: readonly string[];
  /** How many instances that failed are replaced at once, of all fleets together: more would be a load of their own. */
  readonly healing: number;
}

// ---------------------------------------------------------------------------------------------------------- Engine

/** Basis points: 10,000 is all of the traffic. A table names every group that gets any; the sum is 10,000, or 0 for none. */
export type Weights = Readonly<Record<GroupId, number>>;

/** What a canary gets besides its weight, and whose the weights are while it does. */
export interface CanaryRule {
  readonly group: GroupId;
  /** Weights are shares of the clients: each has a place below 10,000, and those below the canary's weight are on its side. Null: of the requests. */
  readonly sticky: ClientKey | null;
  /** Requests that match one of these go to it, whatever its weight. */
  readonly matches: readonly Match[];
  /** Basis points of the safe requests of which it gets a copy, whose answer nobody sees. */
  readonly mirror: number;
}

/** Who gets what of a fleet's requests, whole. */
export interface Traffic {
  readonly weights: Weights;
  /** The group on the preview address. */
  readonly preview: GroupId | null;
  /** Null: nothing goes by anything but the weights. */
  readonly canary: CanaryRule | null;
}

/** An instance of a group, and not on its way out. */
export interface Member {
  readonly instance: InstanceId;
  readonly launchedAt: number;
  /** One of those that `healthySince` counts. */
  readonly healthy: boolean;
}

export interface GroupObservation {
  readonly group: GroupId;
  /** The size last asked for. */
  readonly size: number;
  /** Launched and not retired, whatever their health. */
  readonly running: number;
  /** Healthy instances with the time (ms since the epoch) since when each has been healthy without a break. */
  readonly healthySince: readonly number[];
  /** Whatever their health. */
  readonly members: readonly Member[];
  /** Instances of this group that failed (exited, or missed their deadline, or turned unhealthy), ever. */
  readonly failures: number;
  /** Why the last one failed, for people. */
  readonly lastFailure: string | null;
  /** While the brake holds: when the next launch is allowed. */
  readonly brakedUntil: number | null;
  /** Asked to be deleted, and not yet gone. */
  readonly deleting: boolean;
}

/** Its traffic is what the load balancer has acknowledged: nobody's before the first call. */
export interface FleetObservation extends Traffic {
  readonly fleet: FleetId;
  readonly groups: readonly GroupObservation[];
  readonly jobs: readonly JobObservation[];
  /** False while the last table that was asked for is not what is acknowledged: it may still come into force. */
  readonly settled: boolean;
  /** What the engine was asked for and could not do when it last tried, for people; null where all is well. */
  readonly trouble: string | null;
}

export interface Engine {
  readonly name: EngineName;
  readonly capabilities: Capabilities;
  /** No side effects. */
  check(ctx: CallContext): Promise<readonly Problem[]>;
  /** Everything of ours in the fleet, known to the caller or not. Throws rather than answer half. */
  observe(fleet: FleetId, ctx: CallContext): Promise<FleetObservation>;
  ensureImage(image: Digest, ctx: CallContext): Promise<void>;
  /** The group exists with this size, now or soon. The same group with another release throws RELEASE_MISMATCH. */
  ensureGroup(group: GroupId, release: Release, size: number, ctx: CallContext): Promise<void>;
  /** Retires this instance (drained first) and leaves its group with that size. Absent is success. `why`: for the history. */
  retireInstance(instance: InstanceId, size: number, why: string, ctx: CallContext): Promise<void>;
  /** As the runtime's. What comes of it is no failure of its release. `why`: for the history. */
  kill(instance: InstanceId, why: string, ctx: CallContext): Promise<void>;
  /** Retires what is left of the group (drained first) and forgets it. Absent is success. */
  deleteGroup(group: GroupId, ctx: CallContext): Promise<void>;
  /** Durable and acknowledged by the load balancer before it returns. */
  setTraffic(fleet: FleetId, traffic: Traffic, ctx: CallContext): Promise<void>;
  /** As the runtime's. */
  startJob(job: Job, ctx: CallContext): Promise<void>;
  removeJob(id: JobId, ctx: CallContext): Promise<void>;
  /** An HTTP test on every healthy instance of the group, a command beside one. Null: passed; else what was wrong. */
  test(group: GroupId, test: InstanceTest, withinMs: number, ctx: CallContext): Promise<string | null>;
  /** What the command writes, beside one healthy instance of the group. Throws METRIC_UNREADABLE where it fails. */
  output(group: GroupId, command: readonly string[], ctx: CallContext): Promise<string>;
  /** What each group has answered so far. Throws rather than answer half. */
  metrics(fleet: FleetId, ctx: CallContext): Promise<readonly GroupMetrics[]>;
  /** What each instance uses. Throws rather than answer half. */
  usage(fleet: FleetId, ctx: CallContext): Promise<readonly InstanceUsage[]>;
  /** The fleet's last group is gone: stops listening for it. Absent is success. */
  forget(fleet: FleetId, ctx: CallContext): Promise<void>;
  /** Engines that don't keep groups by themselves move towards what was asked for, one round. */
  advance?(fleet: FleetId, ctx: CallContext): Promise<Advance>;
  /** Calls back when something of a fleet has changed that a planner would want to know. Returns the way to stop. */
  onChange(listener: (fleet: FleetId) => void): () => void;
}

export interface Advance {
  /** Something was done: worth another look at once. */
  readonly changed: boolean;
  /** When to look again although nothing has changed, ms since the epoch. */
  readonly wakeAt: number | null;
}

// --------------------------------------------------------------------------------------------- Runtime and Balancer

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type InstanceHealth =
  /** Launched, not healthy yet. */
  | { readonly status: 'starting' }
  | { readonly status: 'healthy'; readonly since: number }
  /** Was healthy, or missed its deadline. `detail` is for people: "GET /healthz answered 500". */
  | { readonly status: 'unhealthy'; readonly since: number; readonly detail: string }
  /** The process has ended by itself. The record stays until `remove`. */
  | {
      readonly status: 'exited';
      readonly at: number;
      readonly detail: string;
      /** It did not end by itself: the daemon died while it launched it, or the machine went down. No failure of its release. */
      readonly blameless?: true;
    };

export interface InstanceObservation {
  readonly id: InstanceId;
  readonly group: GroupId;
  /** The release's hash that it was launched with. */
  readonly release: Digest;
  readonly launchedAt: number;
  /** Null where the place has no zones. */
  readonly zone: string | null;
  /** Null where the service has no port. */
  readonly address: Address | null;
  readonly health: InstanceHealth;
}

export interface InstanceUsage {
  readonly instance: InstanceId;
  /** Processor time since its launch: it only grows. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/** A command of a release, with all that its instances are launched with and no traffic, that runs to its end. */
export interface Job {
  readonly id: JobId;
  readonly release: Release;
  readonly command: readonly string[];
}

export interface JobObservation {
  readonly id: JobId;
  /** The hash of the release that it belongs to. */
  readonly release: Digest;
  /** `made`: its command was not begun. `lost`: it was, and how it ended cannot be known any more. */
  readonly status: 'made' | 'running' | 'passed' | 'failed' | 'lost';
  /** For people, once it is over: "exited with code 1; its last lines: …". */
  readonly detail: string;
}

/** Runs single instances and probes their health; knows nothing of groups' sizes, traffic or rollouts. */
export interface Runtime {
  readonly name: EngineName;
  readonly capabilities: Capabilities;
  check(ctx: CallContext): Promise<readonly Problem[]>;
  ensureImage(image: Digest, ctx: CallContext): Promise<void>;
  /**
   * Returns when the process has started (not when healthy). An instance of that id that is there already is success.
   * `zone`: one of the capabilities'; absent where there are none.
   */
  launch(id: InstanceId, release: Release, ctx: CallContext, zone?: string): Promise<void>;
  /** Stop signal, grace, SIGKILL; then everything of it is gone but its logs. Absent is success. */
  remove(id: InstanceId, ctx: CallContext): Promise<void>;
  /** Ends its process at once, as a fault would: for experiments. What is left of it is seen as `exited`. Absent is success. */
  kill(id: InstanceId, ctx: CallContext): Promise<void>;
  /** All of ours, or all of one fleet, half-made ones included (as `exited`). Cheap: called every tick. */
  observe(ctx: CallContext, fleet?: FleetId): Promise<readonly InstanceObservation[]>;
  /** What each instance of the fleet uses; those that have ended are not in it. */
  usage(fleet: FleetId, ctx: CallContext): Promise<readonly InstanceUsage[]>;
  /**
   * Begins the job, and never twice: one that is there is left alone, unless it is `made`. Throws LAUNCH_FAILED where it
   * can't be begun and never was: nothing of it is left then.
   */
  startJob(job: Job, ctx: CallContext): Promise<void>;
  /** All of ours that were not removed, ended ones included: an end is kept until then. Cheap: called every tick. */
  jobs(ctx: CallContext): Promise<readonly JobObservation[]>;
  /** Stop signal, grace, SIGKILL; then everything of it is gone but its log. Absent is success. Its id is not used again. */
  removeJob(id: JobId, ctx: CallContext): Promise<void>;
  /** On one healthy instance, tried until it passes or its time is over. Null: passed; else what was wrong. */
  test(id: InstanceId, test: InstanceTest, withinMs: number, ctx: CallContext): Promise<string | null>;
  /** What the command writes, in a container beside the instance that can't write. Throws METRIC_UNREADABLE where it fails. */
  output(id: InstanceId, command: readonly string[], ctx: CallContext): Promise<string>;
  /** Calls back when the health of any instance of a fleet changes, or a job ends, so that nobody has to poll. Returns the way to stop. */
  onChange(listener: (fleet: FleetId) => void): () => void;
  /** Lets go of timers and sockets. Instances go on running. */
  close(): Promise<void>;
}

export interface Endpoint {
  readonly instance: InstanceId;
  readonly address: Address;
  /** `drain`: takes no new connection; what it serves may finish. */
  readonly state: 'ready' | 'drain';
}

export interface RoutedGroup {
  readonly group: GroupId;
  /** Basis points. Endpoints of a group at 0 are registered and checked, so that a switch is one change. */
  readonly weight: number;
  readonly endpoints: readonly Endpoint[];
}

/** All routing of one fleet. Applied whole, never as a change to what was before. */
export interface RoutingTable {
  readonly fleet: FleetId;
  readonly listen: Address;
  readonly preview: { readonly listen: Address; readonly group: GroupId | null } | null;
  readonly canary: CanaryRule | null;
  readonly health: Health;
  readonly groups: readonly RoutedGroup[];
}

export interface EndpointObservation {
  readonly instance: InstanceId;
  readonly state: 'ready' | 'drain';
  /** The load balancer's own health check. */
  readonly up: boolean;
  /** Requests and streams in flight; 0 on a draining endpoint means that its drain is over. */
  readonly sessions: number;
  /** The streams among them: upgraded connections, event streams. */
  readonly streams: number;
}

/** Bounds of `latencyMs` are upper, the last is open. */
export interface Answered {
  readonly requests: number;
  /** By class: 1xx … 5xx, and `failed` for connections that got no answer. */
  readonly status: Readonly<Record<'1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'failed', number>>;
  readonly latencyMs: readonly { readonly le: number; readonly count: number }[];
}

/** Clients' requests since the group was first routed. */
export interface GroupMetrics extends Answered {
  readonly group: GroupId;
  /** Those among them that are safe to repeat, of which there may be copies. */
  readonly safe: Answered;
  /** Copies of requests that others answered: no client's, and counted nowhere else. */
  readonly mirrored: Answered;
}

export interface BalancerObservation extends Traffic {
  readonly endpoints: readonly EndpointObservation[];
}

/** The load balancer of this machine. What it was told survives its own death and the daemon's (D11). */
export interface Balancer {
  check(ctx: CallContext): Promise<readonly Problem[]>;
  /**
   * Whether the fleet could listen on all of the addresses, asked before anything is made for them; those that it has
   * already are its own. Throws what `apply` would: PORT_IN_USE, NEEDS_ROOT, CONFIG_INVALID. No side effects.
   */
  requireListen(fleet: FleetId, addresses: readonly Address[], ctx: CallContext): Promise<void>;
  /** Durable, and acknowledged by the running load balancer, before it returns. The same table again is free. */
  apply(table: RoutingTable, ctx: CallContext): Promise<void>;
  /** Stops listening for the fleet. Absent is success. */
  remove(fleet: FleetId, ctx: CallContext): Promise<void>;
  /** Null: no such fleet. Throws BALANCER_UNREACHABLE rather than answer half. */
  observe(fleet: FleetId, ctx: CallContext): Promise<BalancerObservation | null>;
  /** Closes connections of the instance until it has at most so many sessions. One that is gone has none. */
  evict(instance: InstanceId, most: number, ctx: CallContext): Promise<void>;
  metrics(fleet: FleetId, ctx: CallContext): Promise<readonly GroupMetrics[]>;
  /** All that it was told and keeps, whoever told it. */
  tables(ctx: CallContext): Promise<readonly RoutingTable[]>;
  close(): Promise<void>;
}
