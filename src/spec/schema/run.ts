/** `run:`, the launch: what instances are started with, besides the image. */
import * as z from 'zod';

import { LOGS } from './logs.ts';
import { scale } from './scale.ts';
import { launchEnv, pathOrReference, secrets } from './references.ts';
import {
  choice,
  command,
  count,
  duration,
  interval,
  leaf,
  mode,
  nameKey,
  path,
  pathKey,
  port,
  probeInterval,
  signal,
  size,
  urlPath,
  word,
} from './fields.ts';

const MEBIBYTE = 2 ** 20;

const instanceCount = count(0, 1000);
/** Where neither the service nor its environment says. */
export const INSTANCES = { min: 1, desired: 1, max: 100 } as const;

export const instances = z.union([
  instanceCount,
  z.strictObject({
    min: instanceCount.describe(`The fewest that scaling may leave. Default: ${INSTANCES.min}.`).optional(),
    desired: instanceCount.describe(`How many run. Default: ${INSTANCES.desired}, or min.`).optional(),
    max: instanceCount.describe(`The most that scaling may ask for. Default: ${INSTANCES.max}, or desired.`).optional(),
  }),
]);

const isTrue = leaf(
  (value) => (value === true ? { ok: true, value } : { ok: false, expected: 'true: a TCP connection to the port is the check' }),
  { const: true },
);

/** The status that a healthy answer has. */
export const HEALTHY_STATUS = 200;

const health = z
  .strictObject({
    http: urlPath.describe('GET this path on the port.').optional(),
    tcp: isTrue.describe('true: the port takes connections.').optional(),
    command: command.describe("Run in the instance's own image and network; exit code 0 is healthy.").optional(),
    status: count(100, 599).describe(`With http: the status of a healthy answer. Default: ${HEALTHY_STATUS}.`).optional(),
    body: z
      .string()
      .min(1)
      .max(1024, { error: 'expected at most 1024 characters' })
      .describe('With http: text that a healthy answer holds.')
      .optional(),
    every: probeInterval.describe('Between two probes.').prefault('1s'),
    timeout: interval.describe('A probe that takes longer has failed.').prefault('1s'),
    fall: count(1, 100).describe('Failures in a row that make a healthy instance unhealthy.').prefault(3),
    deadline: interval.describe('A new instance that is not healthy by then has failed.').prefault('30s'),
  })
  .superRefine((value, context) => {
    const probes = (['http', 'tcp', 'command'] as const).filter((key) => value[key] !== undefined);
    if (probes.length > 1) context.addIssue({ code: 'custom', message: `expected one probe, found ${probes.join(' and ')}` });
    for (const key of ['status', 'body'] as const) {
      if (value[key] === undefined || value.http !== undefined) continue;
      context.addIssue({ code: 'custom', path: [key], message: 'only an http probe looks at it: add http, or leave it out' });
    }
  });

const launchFile = z.union([
  z.string(),
  z
    .strictObject({
      content: z.string().describe('The content itself.').optional(),
      from: pathOrReference
        .describe('A file within the folder of kiln.yaml, in UTF-8, that holds the content; or a reference to it.')
        .optional(),
      mode: mode.describe('Its mode. Default: 0444; of what a reference gives, 0400.').optional(),
      test: z.string().describe('With a reference: the content in instances that test an image.').optional(),
    })
    .refine((value) => (value.content === undefined) !== (value.from === undefined), {
      error: 'expected exactly one of content, from',
    }),
]);

const scratchSize = size(MEBIBYTE / 256, '4KiB')
  .describe('How much it holds, counted as memory of the instance.')
  .prefault('64MB');
const scratch = z.union([path, z.strictObject({ path: path.describe('Where it is mounted.'), size: scratchSize })]);
/** Of a scratch that is given by its path alone. */
export const SCRATCH_BYTES = scratchSize.parse(undefined);

const volume = z.union([
  path,
  z.strictObject({
    path: path.describe('Where it is mounted.'),
    'single-writer': z
      .boolean()
      .describe('true: only one instance may have it at a time; the fleet is replaced by recreate.')
      .prefault(false),
  }),
]);

export const limitsShape = {
  memory: size(4 * MEBIBYTE, '4MiB')
    .describe('An instance that needs more is ended by the kernel.')
    .prefault('512MB'),
  cpus: leaf(readCpus, { type: 'number', exclusiveMinimum: 0, maximum: 1024, examples: [0.5, 2] })
    .describe("CPUs' worth of time; 0.5 is half a core. Default: no limit.")
    .optional(),
  pids: count(1, 4_194_304).describe('Processes and threads.').prefault(256),
};

/** YAML leaves `1.50` as text, because writing the number would give another text. */
function readCpus(value: unknown): { ok: true; value: number } | { ok: false; expected: string } {
  const cpus = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  const within = typeof cpus === 'number' && cpus >= 0.01 && cpus <= 1024;
  return within ? { ok: true, value: cpus } : { ok: false, expected: 'a number of CPUs from 0.01 to 1024' };
}

/** Those that a service can have a reason for. SYS_ADMIN, SYS_MODULE and their like would give it the host. */
const CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'IPC_LOCK',
  'KILL',
  'NET_ADMIN',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
  'SYS_NICE',
] as const;

export const run = z.strictObject({
  port: port
    .describe('The port that takes traffic, inside the instance. Default: the one port of the image, if it has one.')
    .optional(),
  instances: instances.describe('How many run: a number, or { min, desired, max }.').prefault({}),
  scale: scale.describe('What their number follows, between min and max. Default: nobody but people change it.').optional(),
  'max-age': interval
    .describe('An instance is replaced, one at a time, before it is older than this. Default: however old.')
    .optional(),
  health: health
    .describe('When an instance is healthy. Default: its port takes connections; without a port, that it lives.')
    .prefault({}),
  env: launchEnv
    .describe('Environment, over that of the image: text, which is kept in the history, or { from: REFERENCE }.')
    .prefault({}),
  secrets: secrets
    .describe('Values that are kept elsewhere, and what they are called in an instance: { NAME: REFERENCE }.')
    .prefault({}),
  files: z.record(pathKey, launchFile).describe('Files laid in at launch, read-only: { path: content }.').prefault({}),
  scratch: z.array(scratch).describe('Folders in memory that are writable and go with the instance.').prefault([]),
  volumes: z.record(nameKey, volume).describe('Folders that outlive instances: { name: path }.').prefault({}),
  limits: z.strictObject(limitsShape).describe('What an instance may use.').prefault({}),
  capabilities: z.array(choice(CAPABILITIES)).describe('Linux capabilities to keep; all others are dropped.').prefault([]),
  user: word(/^([a-z_][a-z0-9_-]{0,31}|\d{1,6}(:\d{1,6})?)$/, 'a user such as app, "1000" or "1000:1000"', ['app', '1000:1000'])
    .describe('Default: the user of the image.')
    .optional(),
  command: command.describe('Instead of the entrypoint and command of the image.').optional(),
  stop: z
    .strictObject({
      signal: signal.describe('Default: the stop-signal of the image, else SIGTERM.').optional(),
      grace: duration.describe('From the signal to SIGKILL.').prefault('10s'),
    })
    .describe('How an instance is ended.')
    .prefault({}),
  drain: z
    .strictObject({
      requests: duration.describe('How long requests in flight may take to finish.').prefault('10s'),
      streams: duration.describe('The same for WebSockets and event streams: none of them is closed before.').prefault('30s'),
      pace: duration
        .describe(
          'Streams that are left then are closed evenly over this time, so that their clients do not all come back at once. Default: 30s.',
        )
        .optional(),
    })
    .describe('What an instance gets before it is stopped.')
    .prefault({}),
  logs: z.strictObject(LOGS).describe('What becomes of the output of an instance.').prefault({}),
});

export type RunSpec = z.output<typeof run>;
export type HealthSpec = RunSpec['health'];
export type InstancesSpec = z.output<typeof instances>;
