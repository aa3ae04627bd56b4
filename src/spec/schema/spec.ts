/**
 * kiln.yaml, whole. This one schema is the type, the validation, the defaults, the JSON Schema for editors and the reference.
 * What it can't say, because it spans sections, is in ../rules.ts.
 */
import * as z from 'zod';

import { TRIAL_ENVIRONMENT } from '../../domain/image-test.ts';
import { channels } from './channels.ts';
import { demand } from './demand.ts';
import { freezes } from './freeze.ts';
import { choice, listen, nameKey, nameText } from './fields.ts';
import { image } from './image.ts';
import { LOGS } from './logs.ts';
import { overridableReplaceShape, replace } from './replace.ts';
import { launchEnv, secrets } from './references.ts';
import { instances, limitsShape, run } from './run.ts';
import { overriding } from './sections.ts';

const USE_HOST = 'use host, or sim to try a rollout without running anything';
const engine = choice(['host', 'sim'], { docker: USE_HOST, kubernetes: USE_HOST, aws: USE_HOST });

const environment = z.strictObject({
  engine: engine.describe('Where the fleet runs: this machine, or a simulation.').prefault('host'),
  channel: nameText
    .describe('Deploys what this channel of the service holds, instead of baking. Default: what the recipe makes now is baked.')
    .optional(),
  demand: demand.describe('What must be attached to an image before it is deployed there. Default: nothing.').optional(),
  freeze: freezes
    .describe('When nothing new is deployed there: { cron, for } or { from, until }. A rollback is never held up.')
    .prefault([]),
  listen: listen
    .describe('Where the load balancer listens: a port (on all addresses) or host:port. Default: nowhere.')
    .optional(),
  preview: listen.describe('Instead of replace.preview.').optional(),
  env: launchEnv.describe('Over run.env (and variables of run.secrets), key by key.').optional(),
  secrets: secrets.describe('Over run.secrets (and run.env), key by key.').optional(),
  instances: instances.describe('Over run.instances; bounds that it does not give make room for what it gives.').optional(),
  limits: overriding(limitsShape).describe('Over run.limits, key by key.').optional(),
  replace: overriding(overridableReplaceShape).describe('Over replace, key by key.').optional(),
  logs: overriding(LOGS).describe('Over run.logs, key by key.').optional(),
});

export const spec = z.strictObject({
  service: nameText.describe('The name of the service.'),
  image: image.describe('How its image is made: a recipe, or a Dockerfile.'),
  run: run.describe('What its instances are launched with.').prefault({}),
  replace: replace.describe('How the fleet moves from one release to the next.').prefault({}),
  channels: channels
    .describe('What must be so before a channel takes an image. A channel that is not named here takes any.')
    .prefault({}),
  environments: z
    .record(nameKey, environment)
    .describe('Where it runs, and what differs there. Default: `local`, on this machine.')
    .refine((value) => Object.keys(value).length > 0, {
      error: 'expected at least one environment; leave the key out for `local` alone',
    })
    .refine((value) => !Object.hasOwn(value, TRIAL_ENVIRONMENT), {
      error: `the name ${TRIAL_ENVIRONMENT} is taken: instances that test an image are there`,
    })
    .prefault({ local: {} }),
});

/** A service of a file that has several: the same, with its name as the key, and what it waits for. */
const { service: _name, ...sections } = spec.shape;
const member = z.strictObject({
  ...sections,
  'depends-on': z
    .array(nameText)
    .describe('Services of this file that have to serve their new release before this one is touched.')
    .prefault([]),
});

export const several = z.strictObject({
  services: z
    .record(nameKey, member)
    .describe('Instead of `service` and all else: several services, each with what a file of one service has.')
    .refine((value) => Object.keys(value).length > 0, { error: 'expected at least one service' }),
});

/** `lock`: the file beside kiln.yaml that pins its recipe; absent: kiln.lock. */
export type Spec = z.output<typeof spec> & { readonly lock?: string };
export type Member = z.output<typeof member>;
export type EnvironmentSpec = z.output<typeof environment>;
