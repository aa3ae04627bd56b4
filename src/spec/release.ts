/** What a release of the service in an environment holds: the launch values of the file, every default in its place. */
import type { Digest } from '../domain/digest.ts';
import { fleetId, type ServiceName } from '../domain/ids.ts';
import type {
  Health,
  Launch,
  LaunchFile,
  LogPolicy,
  LogShipping,
  Pin,
  Probe,
  ReleaseContent,
  Scratch,
  Volume,
} from '../domain/release.ts';
import { KilnError } from '../errors/error.ts';
import type { ResolvedEnvironment } from './environment.ts';
import type { Spec } from './parse.ts';
import { alarmsOf } from './metrics.ts';
import { isReferencedFile, plainEnv, referencesOf } from './references.ts';
import { HEALTHY_STATUS, type HealthSpec, type RunSpec, SCRATCH_BYTES } from './schema/run.ts';
import { strategyOf } from './strategy.ts';
import { tasksOf } from './tasks.ts';

/** What is read of the image's configuration (`config` of an OCI image configuration has it). */
export interface ImageFacts {
  /** `3000/tcp`, as keys. */
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
  readonly StopSignal?: string;
}

const DEFAULT_STOP_SIGNAL = 'SIGTERM';

/** The pin of each reference by its text; for what was not asked for it throws. */
export type PinOf = (from: string) => Pin;

/** For a launch without any reference. */
const NO_PINS: PinOf = (from) => {
  throw new RangeError(`${from} was not resolved`);
};

/**
 * Pure. Percentages of the desired instances become counts here, by what the environment desires now. `environment` is
 * of the same spec. Throws CONFIG_INVALID where image and file don't fit (traffic or a probe, but no port).
 */
export function releaseContent(
  spec: Spec,
  environment: ResolvedEnvironment,
  image: Digest,
  facts: ImageFacts,
  pinOf: PinOf = NO_PINS,
): ReleaseContent {
  const { run, replace } = environment;
  const port = portOf(run, facts, environment);
  const tasks = tasksOf(replace);
  return {
    fleet: fleetId(spec.service as ServiceName, environment.name),
    image,
    launch: launchOf(run, facts, pinOf),
    health: healthOf(run.health, port),
    routing: {
      port,
      listen: environment.listen,
      preview: environment.preview,
      drainMs: run.drain.requests,
      streamDrainMs: run.drain.streams,
      ...(run.drain.pace === undefined ? {} : { streamPaceMs: run.drain.pace }),
    },
    replace: {
      strategy: strategyOf(replace, run, environment.instances.desired),
      warmUpMs: replace['warm-up'],
      keepMs: replace.keep,
      deadlineMs: replace.deadline,
      ...(replace.revoked === 'roll-back' ? { revoked: 'roll-back' } : {}),
      ...(tasks.length === 0 ? {} : { tasks }),
      ...(Object.keys(replace.alarms).length === 0 ? {} : { alarms: alarmsOf(replace.alarms, replace.prometheus) }),
    },
  };
}

const misfit = (message: string, hint: string): KilnError => new KilnError('CONFIG_INVALID', message, { hint });

/** The file's, else the only TCP port of the image. Several, or none where one is needed, are for a person to settle. */
function portOf(run: ResolvedEnvironment['run'], facts: ImageFacts, environment: ResolvedEnvironment): number | null {
  if (run.port !== undefined) return run.port;
  const exposed = Object.keys(facts.ExposedPorts ?? {})
    .filter((key) => /^\d+(\/tcp)?$/.test(key))
    .map((key) => Number.parseInt(key, 10));
  if (exposed.length > 1)
    throw misfit(
      `the image has the ports ${exposed.join(', ')}, and run.port is not given`,
      'name the one that takes traffic as run.port',
    );
  const port = exposed[0] ?? null;
  if (port !== null) return port;
  const needs = [
    ...(environment.listen === null ? [] : [`environments.${environment.name}.listen`]),
    ...(run.health.http === undefined ? [] : ['run.health.http']),
    ...(run.health.tcp === undefined ? [] : ['run.health.tcp']),
    ...(environment.replace.tests.some((test) => 'http' in test && test.port === undefined) ? ['replace.tests'] : []),
  ];
  if (needs.length > 0)
    throw misfit(
      `${needs.join(' and ')} need a port, and neither kiln.yaml nor the image has one`,
      'add run.port, the port that the process listens on',
    );
  return null;
}

/** The order of maps in the file means nothing, so it must not make another release. */
const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byKey = <T>(map: Readonly<Record<string, T>>): readonly (readonly [string, T])[] =>
  Object.entries(map).toSorted(([a], [b]) => inOrder(a, b));

function launchOf(run: ResolvedEnvironment['run'], facts: ImageFacts, pinOf: PinOf): Launch {
  const references = referencesOf(run).map(({ from, to }) => ({ from, to, pin: pinOf(from) }));
  return {
    command: run.command ?? null,
    env: plainEnv(run.env),
    files: byKey(run.files).flatMap(([path, file]) => (isReferencedFile(file) ? [] : [launchFile(path, file)])),
    ...(references.length === 0 ? {} : { references }),
    volumes: byKey(run.volumes).map(([name, volume]) => volumeOf(name, volume)),
    scratch: run.scratch.map(scratchOf).toSorted((a, b) => inOrder(a.path, b.path)),
    user: run.user ?? null,
    capabilities: [...new Set(run.capabilities)].toSorted(inOrder),
    limits: { memoryBytes: run.limits.memory, cpus: run.limits.cpus ?? null, pids: run.limits.pids },
    stopSignal: run.stop.signal ?? facts.StopSignal ?? DEFAULT_STOP_SIGNAL,
    stopGraceMs: run.stop.grace,
    logs: logPolicy(run.logs),
  };
}

const LAUNCH_FILE_MODE = 0o444;

function launchFile(path: string, file: RunSpec['files'][string]): LaunchFile {
  if (typeof file === 'string') return { path, content: file, mode: LAUNCH_FILE_MODE };
  if (file.content !== undefined) return { path, content: file.content, mode: file.mode ?? LAUNCH_FILE_MODE };
  throw new KilnError(
    'FILE_UNREADABLE',
    `run.files.${path}: "${file.from}" was not read: the kiln.yaml came without its folder`,
    {
      hint: 'deploy from the folder, or give the content itself',
    },
  );
}

const volumeOf = (name: string, volume: RunSpec['volumes'][string]): Volume =>
  typeof volume === 'string'
    ? { name, path: volume, singleWriter: false }
    : { name, path: volume.path, singleWriter: volume['single-writer'] };

const scratchOf = (scratch: RunSpec['scratch'][number]): Scratch =>
  typeof scratch === 'string' ? { path: scratch, sizeBytes: SCRATCH_BYTES } : { path: scratch.path, sizeBytes: scratch.size };

function logPolicy(logs: RunSpec['logs']): LogPolicy {
  return { maxBytes: logs['max-size'], keepFiles: logs.keep, ship: logs.ship === undefined ? null : shipping(logs.ship) };
}

function shipping({ file, syslog, http }: NonNullable<RunSpec['logs']['ship']>): LogShipping | null {
  if (file !== undefined) return { kind: 'file', path: file };
  if (syslog !== undefined) return { kind: 'syslog', to: syslog };
  return http === undefined ? null : { kind: 'http', url: http };
}

function healthOf(health: HealthSpec, port: number | null): Health {
  return {
    probe: probeOf(health, port),
    everyMs: health.every,
    timeoutMs: health.timeout,
    fall: health.fall,
    deadlineMs: health.deadline,
  };
}

function probeOf(health: HealthSpec, port: number | null): Probe {
  const { http, command, status = HEALTHY_STATUS, body } = health;
  if (http !== undefined) return { kind: 'http', path: http, status, ...(body === undefined ? {} : { body }) };
  if (command !== undefined) return { kind: 'command', command };
  return port === null ? { kind: 'none' } : { kind: 'tcp' };
}
