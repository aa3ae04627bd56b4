/** `before`, `tests`, `approve` and `webhooks` of `replace`: what a rollout stops at, and whom it tells. */
import * as z from 'zod';

import type { SecretSource } from '../../domain/task.ts';
import { choice, command, interval, leaf, nameText } from './fields.ts';
import { url } from './logs.ts';
import { commandTest, httpTest } from './test.ts';

const name = nameText.describe('What status, history and logs call it. Default: its place, as in before-1.').optional();
const deadline = interval.describe('A job that is not over by then has failed, and is ended.').prefault('10m');
const run = command.describe('Run once in the image, with all that an instance is launched with. No shell reads it.');

const DECLARED = 'declared in kiln.yaml';

/** Why; null: it is none. */
const noReturn = leaf<string | null>(
  (value) => {
    if (typeof value === 'boolean') return { ok: true, value: value ? DECLARED : null };
    return typeof value === 'string' && value.trim() !== '' && value.length <= 200
      ? { ok: true, value: value.trim() }
      : { ok: false, expected: 'true, or why in at most 200 characters' };
  },
  { title: 'true or text', type: ['boolean', 'string'], examples: ['drops the column users.name'] },
);

const migration = z.strictObject({
  job: run,
  name,
  deadline,
  'point-of-no-return': noReturn.describe('Once it has passed, no older release may serve again: true, or why.').optional(),
});

export const before = z
  .array(migration)
  .max(20, { error: 'expected at most 20 jobs' })
  .describe('Jobs that pass before anything of the release is launched, one after the other: migrations.')
  .prefault([]);

export const tests = z
  .array(z.union([httpTest, commandTest, z.strictObject({ job: run, name, deadline })]))
  .max(50, { error: 'expected at most 50 tests' })
  .describe('Pass on the new instances before any of them gets traffic; http and command as in image.test.')
  .prefault([]);

const DAY = '1d';
const approvalDeadline = interval.describe('Where nobody approves by then, the rollout is rolled back.').prefault(DAY);
const gate = choice(['before', 'traffic']);

export const approve = z
  .array(
    z.union([
      gate.transform((at) => ({ at, deadline: 86_400_000 })),
      z.strictObject({
        at: gate.describe('Before anything is launched, or before the first traffic.'),
        deadline: approvalDeadline,
      }),
    ]),
  )
  .max(2, { error: 'expected before, traffic, or both' })
  .describe('Where a person has to approve (`kiln approve`): before anything is launched, before the first traffic, or both.')
  .prefault([]);

const SECRET_FORM = 'env:NAME, a variable of the daemon, or file:PATH, an absolute path';

/** Where the daemon finds it. The secret itself would stand in the release, and so in the history (law 10). */
const secret = leaf<SecretSource>(
  (value) => {
    const [, kind, place = ''] = /^(env|file):(.+)$/.exec(typeof value === 'string' ? value : '') ?? [];
    if (kind === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(place)) return { ok: true, value: { env: place } };
    if (kind === 'file' && place.startsWith('/') && !place.includes('\0')) return { ok: true, value: { file: place } };
    return { ok: false, expected: SECRET_FORM };
  },
  { title: 'where a secret is', type: 'string', examples: ['env:HOOK_SECRET', 'file:/etc/kiln/hook.key'] },
);

const webhook = z.strictObject({
  url: url.describe('Where it is POSTed to, as JSON.'),
  at: z
    .array(choice(['before', 'traffic', 'after']))
    .min(1, { error: 'expected at least one of before, traffic, after' })
    .describe('Before anything is launched, before the first traffic, after the rollout has ended.')
    .prefault(['after']),
  secret: secret.describe(`What it is signed with: ${SECRET_FORM}. Default: it is not signed.`).optional(),
  deadline: interval.describe('It is tried again until it is taken or this much time has gone.').prefault('1m'),
  required: z
    .boolean()
    .describe('false: before and traffic too only tell; a failure is shown and the rollout goes on.')
    .prefault(true),
});

export const webhooks = z
  .array(webhook)
  .max(20, { error: 'expected at most 20 webhooks' })
  .describe('Who is told, signed and tried again. Before and traffic also ask: one that is refused rolls the rollout back.')
  .prefault([]);
