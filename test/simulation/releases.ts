/** Releases for simulations: short to write, whole to the types. */
import type { Digest } from '../../src/domain/digest.ts';
import type { FleetId, ReleaseNumber } from '../../src/domain/ids.ts';
import { canonicalJson } from '../../src/domain/json.ts';
import type { Alarm } from '../../src/domain/metric.ts';
import type { Task } from '../../src/domain/task.ts';
import type { Release, ReleaseContent, Strategy } from '../../src/domain/release.ts';
import { sha256 } from '../../src/platform/hash.ts';

export const FLEET = 'web.sim' as FleetId;
export const NO_CALL = { signal: new AbortController().signal };

export interface ReleaseTraits {
  readonly strategy?: Strategy;
  readonly warmUpMs?: number;
  readonly keepMs?: number;
  readonly deadlineMs?: number;
  readonly healthDeadlineMs?: number;
  readonly drainMs?: number;
  /** Default: as `drainMs`. */
  readonly streamDrainMs?: number;
  readonly streamPaceMs?: number;
  readonly stopGraceMs?: number;
  readonly singleWriter?: boolean;
  /** false: the service takes no traffic. */
  readonly port?: boolean;
  /** Has a preview address. */
  readonly preview?: boolean;
  readonly probe?: 'http' | 'none';
  /** What serves is left by itself when its image is revoked. */
  readonly rollBackRevoked?: boolean;
  readonly tasks?: readonly Task[];
  readonly alarms?: readonly Alarm[];
}

/** An image of that name: the digest of the name. */
export const imageOf = (name: string): Digest => sha256(name);

export function contentOf(image: Digest, traits: ReleaseTraits = {}): ReleaseContent {
  const listening = traits.port !== false;
  return {
    fleet: FLEET,
    image,
    launch: {
      command: null,
      env: {},
      files: [],
      volumes: traits.singleWriter === true ? [{ name: 'data', path: '/data', singleWriter: true }] : [],
      scratch: [],
      user: null,
      capabilities: [],
      limits: { memoryBytes: 1 << 26, cpus: null, pids: 64 },
      stopSignal: 'SIGTERM',
      stopGraceMs: traits.stopGraceMs ?? 1000,
      logs: { maxBytes: 1 << 20, keepFiles: 2, ship: null },
    },
    health: {
      probe: traits.probe === 'none' ? { kind: 'none' } : { kind: 'http', path: '/healthz', status: 200 },
      everyMs: 1000,
      timeoutMs: 1000,
      fall: 3,
      deadlineMs: traits.healthDeadlineMs ?? 10_000,
    },
    routing: {
      port: listening ? 3000 : null,
      listen: listening ? { host: '127.0.0.1', port: 8080 } : null,
      preview: traits.preview === true ? { host: '127.0.0.1', port: 8081 } : null,
      drainMs: traits.drainMs ?? 3000,
      streamDrainMs: traits.streamDrainMs ?? traits.drainMs ?? 3000,
      ...(traits.streamPaceMs === undefined ? {} : { streamPaceMs: traits.streamPaceMs }),
    },
    replace: {
      strategy: traits.strategy ?? { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: null },
      warmUpMs: traits.warmUpMs ?? 0,
      keepMs: traits.keepMs ?? 60_000,
      deadlineMs: traits.deadlineMs ?? 60_000,
      ...(traits.rollBackRevoked === true ? { revoked: 'roll-back' } : {}),
      ...(traits.tasks === undefined ? {} : { tasks: traits.tasks }),
      ...(traits.alarms === undefined ? {} : { alarms: traits.alarms }),
    },
  };
}

export const hashOfContent = (content: ReleaseContent): Digest => sha256(canonicalJson(content));

export function releaseOf(number: number, content: ReleaseContent, createdAt = 0): Release {
  return { number: number as ReleaseNumber, hash: hashOfContent(content), content, createdAt, label: `v${number}` };
}
