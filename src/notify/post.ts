/**
 * A POST of JSON, once. Signed in the form of Standard Webhooks (https://www.standardwebhooks.com): the headers `webhook-id`
 * (the same for each attempt), `webhook-timestamp` (seconds) and `webhook-signature` (`v1,` and the HMAC-SHA256 in base64 of
 * id, timestamp and body, joined by dots). No URL is in an answer: it may hold a token.
 */
import { createHmac } from 'node:crypto';

import { messageOf } from '../errors/error.ts';

export type Answer =
  | { readonly kind: 'taken' }
  /** `refused`: the same again would be refused again. */
  | { readonly kind: 'refused' | 'later'; readonly why: string };

export interface Post {
  readonly url: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Of an answer that refuses, for people. */
const SHOWN_LENGTH = 200;

export async function post({ url, body, headers = {} }: Post, withinMs: number, signal: AbortSignal): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', 'user-agent': 'kiln', ...headers },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(withinMs)]),
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

export interface Message {
  readonly id: string;
  readonly type: string;
  readonly data: object;
}

/** `key`: null: unsigned. */
export function webhook({ id, type, data }: Message, key: Buffer | null, now: number): Pick<Post, 'body' | 'headers'> {
  const timestamp = Math.floor(now / 1000);
  const body = JSON.stringify({ type, timestamp: new Date(timestamp * 1000).toISOString(), data });
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(timestamp) };
  if (key === null) return { body, headers };
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { body, headers: { ...headers, 'webhook-signature': `v1,${signature}` } };
}

/** Too early, too much, timed out, or the server's own trouble. */
const mayBeBetterLater = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status);

const BASE64_MARK = 'whsec_';

/** `whsec_` and base64 as Standard Webhooks writes secrets; any other text is its own bytes. */
export const keyOf = (secret: string): Buffer =>
  secret.startsWith(BASE64_MARK) ? Buffer.from(secret.slice(BASE64_MARK.length), 'base64') : Buffer.from(secret, 'utf8');
