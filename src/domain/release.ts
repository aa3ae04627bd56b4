/**
 * The release: an image digest and everything it is launched with. Numbered within its fleet, hashed, never changed.
 * Changing any part of a `ReleaseContent` is a new release. How many instances run is the fleet's, not the release's.
 */
import type { Digest } from './digest.ts';
import type { FleetId, ReleaseNumber } from './ids.ts';
import type { Alarm, Metric } from './metric.ts';
import type { ClientKey, Match } from './requests.ts';
import type { Task } from './task.ts';

/** `none`: an instance is healthy once its process has lived for `warmUpMs`. */
export type Probe =
  | { readonly kind: 'http'; readonly path: string; readonly status: number; readonly body?: string }
  | { readonly kind: 'tcp' }
  /** Runs in a probe container of the instance's own image, in the instance's network; 0 is healthy. */
  | { readonly kind: 'command'; readonly command: readonly string[] }
  | { readonly kind: 'none' };

export interface Health {
  readonly probe: Probe;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Consecutive failures that make a healthy instance unhealthy. */
  readonly fall: number;
  /** A new instance that isn't healthy this long after its launch has failed. */
  readonly deadlineMs: number;
}

export interface Volume {
  readonly name: string;
  readonly path: string;
  /** Only one instance may have it at a time: forces `recreate`. */
  readonly singleWriter: boolean;
}

export interface Scratch {
  readonly path: string;
  readonly sizeBytes: number;
}

/** A file laid into the instance at launch, read-only. `mode` as in chmod (0o444). */
export interface LaunchFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/** As what a referenced value reaches an instance. */
export type Delivery =
  | { readonly kind: 'env'; readonly name: string }
  /** A file like a `LaunchFile`. */
  | { readonly kind: 'file'; readonly path: string; readonly mode: number };

/** Which value of a reference a release has, without saying what it is. */
export interface Pin {
  /** What the source calls this version; null: the source has none (`env`, `file`). */
  readonly version: string | null;
  /** HMAC-SHA-256 over reference and value, hexadecimal, by a key that is nowhere in KILN_HOME: the same value or another, and no more. */
  readonly fingerprint: string;
}

/** A value that an instance is launched with and that is in no release, journal or log (law 10). */
export interface Reference {
  /** As in kiln.yaml: `etcd://prod/web/database-url`. */
  readonly from: string;
  readonly to: Delivery;
  readonly pin: Pin;
}

export interface Limits {
  readonly memoryBytes: number;
  /** CPUs' worth of time: 0.5 is half a core; null is no limit. */
  readonly cpus: number | null;
  readonly pids: number;
}

/** Without a transport: UDP. */
export type SyslogTarget =
  | { readonly socket: string }
  | { readonly host: string; readonly port: number; readonly transport?: 'tcp' };

/** Where an instance's output goes besides its own log files. */
export type LogShipping =
  /** Appended to a file on the machine. Absolute. */
  | { readonly kind: 'file'; readonly path: string }
  /** RFC 5424 over a local socket (`/dev/log`), UDP or TCP. */
  | { readonly kind: 'syslog'; readonly to: SyslogTarget }
  /** Batches of JSON lines, POSTed. */
  | { readonly kind: 'http'; readonly url: string };

export interface LogPolicy {
  /** A log file that has grown to this is rotated. */
  readonly maxBytes: number;
  /** Files kept of each instance, the current one included. */
  readonly keepFiles: number;
  readonly ship: LogShipping | null;
}

export interface Launch {
  /** Replaces the image's entrypoint and command where not null. */
  readonly command: readonly string[] | null;
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly LaunchFile[];
  /** Absent: none. */
  readonly references?: readonly Reference[];
  readonly volumes: readonly Volume[];
  readonly scratch: readonly Scratch[];
  /** `uid`, `uid:gid`, or a name in the image's passwd; null is the image's own user. */
  readonly user: string | null;
  /** Kept capabilities (`NET_BIND_SERVICE`); all others are dropped. */
  readonly capabilities: readonly string[];
  readonly limits: Limits;
  readonly stopSignal: string;
  /** From the stop signal to SIGKILL. */
  readonly stopGraceMs: number;
  readonly logs: LogPolicy;
}

export interface Routing {
  /** The port inside the instance; null: the service takes no traffic. */
  readonly port: number | null;
  /** The address the load balancer listens on for the fleet, and the one for a preview of a green group. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  readonly preview: { readonly host: string; readonly port: number } | null;
  /** How long requests in flight may take to finish before an instance is stopped. */
  readonly drainMs: number;
  /** The same for streams: WebSockets and other upgraded connections, event streams. None is closed before. */
  readonly streamDrainMs: number;
  /** Then those that are left are closed evenly over this time. Absent: 30 s. */
  readonly streamPaceMs?: number;
}

export type Strategy =
  | {
      readonly kind: 'rolling';
      /** Percent of the desired size that stays healthy: the floor. */
      readonly minHealthyPercent: number;
      /** Instances above the desired size that may run during a rollout, at least 0. */
      readonly maxSurge: number;
      /** How many are replaced at a time, at least 1; null: as many as surge and floor allow. */
      readonly batch: number | null;
      /** In ascending order. Absent: none. */
      readonly checkpoints?: readonly Checkpoint[];
    }
  | { readonly kind: 'blue-green' }
  /** A share of the traffic at a time, judged beside the release that serves; its instances become the fleet. */
  | {
      readonly kind: 'canary';
      readonly steps: readonly CanaryStep[];
      readonly judge: JudgeTerms | null;
      /** Shares are of the clients, not of the requests: each stays on its side. Absent: of the requests, by chance. */
      readonly sticky?: ClientKey;
    }
  | { readonly kind: 'recreate' };

/** Where a rolling rollout stands still. */
export interface Checkpoint {
  /** Of the desired instances, above 0 to 100. */
  readonly percent: number;
  /** How long it lasts at least; null: until somebody promotes. */
  readonly holdMs: number | null;
}

/** What a step gives the canary, beside what the steps before it gave. */
export type StepGives =
  | {
      /** Its share of the traffic in basis points, 1 to 9,999. */
      readonly weight: number;
    }
  | {
      /** So many instances, with as much of the traffic each as those of what serves. */
      readonly instances: number;
    }
  | {
      /** The requests that match, and nothing of the others. */
      readonly when: Match;
      readonly instances: number;
    }
  | {
      /** A copy of so many of the safe requests, in basis points, and no traffic. Only before any share. */
      readonly mirror: number;
    };

export type CanaryStep = StepGives & {
  /** How long the step lasts at least; null: until somebody promotes. */
  readonly holdMs: number | null;
};

/** What the judge fails a canary for, besides being worse than the release that serves. */
export interface JudgeTerms {
  /** More errors than this share (0 to 1) of the requests; null: no such limit. */
  readonly maxErrors: number | null;
  /** A median or p95 that is so many times that of what serves; null: latencies are not compared. */
  readonly maxSlowdown: number | null;
  /** A quantile (0.95) of the latency above so many milliseconds. */
  readonly maxLatency: readonly { readonly quantile: number; readonly ms: number }[];
  /** New instances are slower at first: so much of a step's beginning is not judged. */
  readonly settleMs: number;
  /** How long after its hold a step waits for enough requests to judge by. */
  readonly waitMs: number;
  /** What happens when there are still too few then. */
  readonly unsure: 'roll-back' | 'go-on';
  /** Judged besides what the load balancer counts. Absent: nothing. */
  readonly metrics?: MetricsTerms;
}

export interface MetricsTerms {
  readonly metrics: readonly Metric[];
  /** Between two questions to their sources. */
  readonly everyMs: number;
  /** What happens when a source has not answered often enough by the end of the step's waiting. `hold`: a person has a day. */
  readonly unreadable: 'roll-back' | 'go-on' | 'hold';
}

export interface Replace {
  readonly strategy: Strategy;
  /** An instance counts as ready only when it has been healthy this long. */
  readonly warmUpMs: number;
  /** How long the previous group stays warm after its successor took over. */
  readonly keepMs: number;
  /** A rollout that makes no progress for this long has failed and is rolled back. */
  readonly deadlineMs: number;
  /** What becomes of instances whose image is revoked. Absent: they are reported and go on. */
  readonly revoked?: 'roll-back';
  /** At each point in this order. Absent: none. */
  readonly tasks?: readonly Task[];
  /** End a rollout to this release at any moment. Absent: none. */
  readonly alarms?: readonly Alarm[];
}

/** Everything that the hash covers. */
export interface ReleaseContent {
  readonly fleet: FleetId;
  readonly image: Digest;
  readonly launch: Launch;
  readonly health: Health;
  readonly routing: Routing;
  readonly replace: Replace;
}

/** What an environment demands of images was overruled by a person, for this release. */
export interface BrokenGlass {
  readonly reason: string;
  readonly by: string;
  /** The demands that were not met, in the words of kiln.yaml. */
  readonly overruled: readonly string[];
}

export interface Release {
  readonly number: ReleaseNumber;
  /** sha256 over the canonical JSON of `content`. */
  readonly hash: Digest;
  readonly content: ReleaseContent;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** For people: the image's version tag and git revision when the release was made. */
  readonly label: string;
  /** Absent: all that was demanded was there. */
  readonly brokenGlass?: BrokenGlass;
}
