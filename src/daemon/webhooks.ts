/**
 * Brings webhooks to where they are taken, in the form of Standard Webhooks (https://www.standardwebhooks.com): the headers
 * `webhook-id` (the same for each attempt), `webhook-timestamp` (seconds) and `webhook-signature` (`v1,` and the HMAC-SHA256
 * in base64 of id, timestamp and body, joined by dots). What may be better later is tried again until the time is over.
 */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { SecretSource } from '../domain/task.ts';
import { messageOf } from '../errors/error.ts';
import type { Deliver, Delivery } from '../execute/deliver.ts';
import type { Clock } from '../platform/clock.ts';

export interface WebhookParts {
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
}

const ATTEMPT_MS = 10_000;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 30_000;
/** Of an answer that refuses, for people. */
const SHOWN_LENGTH = 200;

export const openWebhooks =
  ({ clock, env }: WebhookParts): Deliver =>
  async (delivery, withinMs, { signal }) => {
    const key = delivery.secret === null ? null : await keyOf(delivery.secret, env);
    if (typeof key === 'string') return key;
    const end = clock.now() + withinMs;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      const answer = await attempt(delivery, key, clock, Math.min(ATTEMPT_MS, Math.max(1, end - clock.now())), signal);
      signal.throwIfAborted();
      if (answer.kind === 'taken') return null;
      if (answer.kind === 'refused' || clock.now() + waitMs >= end) return answer.why;
      await clock.sleep(waitMs, signal);
    }
  };

type Answer =
  | { readonly kind: 'taken' }
  /** `refused`: the same again would be refused again. */
  | { readonly kind: 'refused' | 'later'; readonly why: string };

async function attempt(delivery: Delivery, key: Buffer | null, clock: Clock, ms: number, signal: AbortSignal): Promise<Answer> {
  const timestamp = Math.floor(clock.now() / 1000);
  const { kind, ...data } = delivery.notice;
  const body = JSON.stringify({ type: `rollout.${kind}`, timestamp: new Date(timestamp * 1000).toISOString(), data });
  try {
    const response = await fetch(delivery.url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', 'user-agent': 'kiln', ...signed(delivery.id, timestamp, body, key) },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(ms)]),
    });
    const text = (await response.text().catch(() => '')).trim().slice(0, SHOWN_LENGTH);
    if (response.ok) return { kind: 'taken' };
    const why = `it answered ${response.status}${text === '' ? '' : `: ${text}`}`;
    return { kind: mayBeBetterLater(response.status) ? 'later' : 'refused', why };
  } catch (error) {
    const cause = (error as Error).cause;
    return { kind: 'later', why: `no answer: ${messageOf(cause ?? error)}` };
  }
}

function signed(id: string, timestamp: number, body: string, key: Buffer | null): Record<string, string> {
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(timestamp) };
  if (key === null) return headers;
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { ...headers, 'webhook-signature': `v1,${signature}` };
}

/** Too early, too much, timed out, or the server's own trouble. */
const mayBeBetterLater = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status);

const BASE64_MARK = 'whsec_';

/** `whsec_` and base64 as Standard Webhooks writes secrets; any other text is its own bytes. A text: why there is none. */
async function keyOf(source: SecretSource, env: NodeJS.ProcessEnv): Promise<Buffer | string> {
  const text = 'env' in source ? env[source.env] : await readFile(source.file, 'utf8').catch(() => undefined);
  const where = 'env' in source ? `the variable ${source.env} in the environment of the daemon` : `the file ${source.file}`;
  const secret = text?.trim() ?? '';
  if (secret === '') return `its secret is not there: ${where} is ${text === undefined ? 'missing' : 'empty'}`;
  return secret.startsWith(BASE64_MARK) ? Buffer.from(secret.slice(BASE64_MARK.length), 'base64') : Buffer.from(secret, 'utf8');
}
