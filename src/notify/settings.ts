/**
 * KILN_HOME/notifications.yaml: who is told what. Read anew each time, so that a change counts at once. Secrets are named
 * (`env:NAME` of the daemon, `file:/path`) and never in it, but for the URL of a webhook that has none.
 */
import { join } from 'node:path';

import { z } from 'zod';

import type { SecretSource } from '../domain/task.ts';
import { readSettings } from '../platform/settings-file.ts';
import { DEFAULT_KINDS, NOTICE_KINDS, type Notice } from './notice.ts';

const SOURCE = /^(?:env:(?<env>[A-Za-z_][A-Za-z0-9_]*)|file:(?<file>\/.+))$/;

function sourceIn(text: string): SecretSource | null {
  const { env, file } = SOURCE.exec(text)?.groups ?? {};
  if (env !== undefined) return { env };
  return file === undefined ? null : { file };
}

const secret = z.string().transform((text, ctx): SecretSource => {
  const source = sourceIn(text);
  if (source !== null) return source;
  // What a person took for its place may be the secret itself: it is not repeated.
  ctx.addIssue({ code: 'custom', message: 'expected where the secret is: env:NAME of the daemon, or file:/path' });
  return z.NEVER;
});

const isHttp = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

/** One with a token in it is a secret itself, and may be kept as one. */
const url = z.string().transform((text, ctx): string | SecretSource => {
  const source = sourceIn(text);
  if (source !== null) return source;
  if (isHttp(text)) return text;
  ctx.addIssue({ code: 'custom', message: 'expected https://…, or where the URL is: env:NAME of the daemon, or file:/path' });
  return z.NEVER;
});

const address = z.string().regex(/^[^\s<>@,]+@[^\s<>@,]+$/, 'expected an address as in ops@example.org');
const smtp = z
  .string()
  .regex(/^smtps?:\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/, 'expected smtp://HOST:PORT or smtps://HOST:PORT');

const name = z.string().min(1).max(100);
const receiver = z
  .strictObject({
    webhook: z.strictObject({ url, secret: secret.optional() }).optional(),
    slack: z.strictObject({ url }).optional(),
    email: z
      .strictObject({
        to: z.array(address).min(1).max(50),
        from: address,
        smtp,
        user: z.string().min(1).optional(),
        'password-from': secret.optional(),
        /** Without TLS: only where nobody listens on the way. */
        plain: z.boolean().default(false),
      })
      .optional(),
    on: z
      .array(z.enum(NOTICE_KINDS))
      .min(1)
      .default([...DEFAULT_KINDS]),
    environments: z.array(name).min(1).optional(),
    services: z.array(name).min(1).optional(),
  })
  .refine(
    ({ webhook, slack, email }) => [webhook, slack, email].filter((way) => way !== undefined).length === 1,
    'expected one of webhook, slack and email',
  );

const file = z.strictObject({
  receivers: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'expected a name such as ops'), receiver).default({}),
});

export type Receiver = z.output<typeof receiver>;
export type Receivers = z.output<typeof file>['receivers'];

export const notificationsPath = (home: string): string => join(home, 'notifications.yaml');

/** Throws as `readSettings`. */
export const readNotifications = async (home: string): Promise<Receivers> =>
  (await readSettings(notificationsPath(home), file, 'docs/notifications.md shows the whole file')).receivers;

export function wants({ on, environments, services }: Receiver, { kind, environment, service }: Notice): boolean {
  if (!on.includes(kind)) return false;
  if (environments !== undefined && !environments.includes(environment)) return false;
  return services === undefined || (service !== null && services.includes(service));
}

/** For people. */
export const wayOf = ({ slack, email }: Receiver): 'webhook' | 'slack' | 'email' =>
  slack !== undefined ? 'slack' : email !== undefined ? 'email' : 'webhook';
