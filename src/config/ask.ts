/**
 * One question to a source over HTTP: bounded in time and size, never redirected (a token goes where it is meant to go, and
 * nowhere else), and no word of what was sent or answered in an error.
 */
import type { IncomingMessage } from 'node:http';

import { KilnError, messageOf } from '../errors/error.ts';
import { exchange, type Identity, textBody } from '../oci/http-connection.ts';
import { jsonOf } from '../oci/http.ts';
import { systemClock } from '../platform/clock.ts';

/** Where a source is asked, and by whom. */
export interface Endpoint {
  /** For people: `etcd`. */
  readonly name: string;
  /** Members of one cluster, tried in this order. Not empty. */
  readonly addresses: readonly string[];
  /** Certificates (PEM) that are trusted besides the usual ones. */
  readonly authorities: string | null;
  readonly identity: Identity | null;
}

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface Reply {
  readonly status: number;
  /** Null for what is no JSON. */
  readonly json: unknown;
}

export interface Patience {
  readonly signal: AbortSignal;
  /** For one question at one address. */
  readonly timeoutMs: number;
}

const ANSWER_BYTES = 4 << 20;
const PAUSE_MS = 250;

/** It did not answer, or not what it should: another member, or another try, may. */
class NoAnswer extends Error {}

/** Asks each address until one answers, a lone one twice. Throws SOURCE_UNREACHABLE. */
export async function ask(
  { name, addresses, authorities, identity }: Endpoint,
  question: (address: string) => Question | Promise<Question>,
  patience: Patience,
): Promise<Reply> {
  const failures: string[] = [];
  for (const address of addresses.length === 1 ? [...addresses, ...addresses] : addresses) {
    if (failures.length > 0) await systemClock.sleep(PAUSE_MS, patience.signal);
    try {
      return await once(await question(address), { authorities, identity }, patience);
    } catch (error) {
      patience.signal.throwIfAborted();
      if (!(error instanceof NoAnswer)) throw error;
      failures.push(`${address} ${error.message}`);
    }
  }
  throw unreachable(name, [...new Set(failures)].join('; '));
}

/** Names that are paths of a URL have no segment "." or ".." (domain/reference.ts): a URL would lead elsewhere by them. */
export const encodedPath = (name: string): string => name.split('/').map(encodeURIComponent).join('/');

export const unreachable = (name: string, why: string): KilnError =>
  new KilnError('SOURCE_UNREACHABLE', `${name} does not answer as it should: ${why}`, {
    hint: `check ${name}, the network, and its address in sources.yaml or the environment; what runs needs no source`,
  });

/** `why` never has a credential in it. */
export const denied = (name: string, why: string, hint: string): KilnError =>
  new KilnError('SOURCE_DENIED', `${name} ${why}`, { hint });

async function once(
  { method, url, headers, body }: Question,
  tls: Pick<Endpoint, 'authorities' | 'identity'>,
  { signal, timeoutMs }: Patience,
): Promise<Reply> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await exchange({
      method,
      url,
      headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'kiln', ...headers },
      body: body === null ? null : textBody(body),
      ...tls,
      signal: AbortSignal.any([signal, late]),
      onSent: () => {},
    });
    const bytes = await readAll(response);
    const status = response.statusCode ?? 0;
    if (status === 429 || status >= 500 || (status >= 300 && status < 400)) throw new NoAnswer(statusText(status));
    return { status, json: jsonOf(bytes) };
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    if (late.aborted) throw new NoAnswer(`said nothing within ${timeoutMs / 1000} s`);
    throw new NoAnswer(`can't be asked: ${reasonOf(error)}`);
  }
}

const statusText = (status: number): string =>
  status < 400 ? `answered ${status}, a redirection, which is not followed` : `answered ${status}`;

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > ANSWER_BYTES) throw new NoAnswer(`answered more than ${ANSWER_BYTES >> 20} MiB`);
    parts.push(chunk as Buffer);
  }
  return Buffer.concat(parts);
}

/** A connection's failure knows nothing of headers or bodies. */
function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : messageOf(error);
}
