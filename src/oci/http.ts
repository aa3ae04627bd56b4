/**
 * HTTP as registries need it: redirects that carry no credentials away, a deadline for every silence, and tries again after
 * failures that pass. Nothing here knows what is asked for; no header or query is ever in an error.
 */
import type { IncomingMessage } from 'node:http';

import { KilnError } from '../errors/error.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { BrokenOff } from './blobs.ts';
import { type Body, exchange } from './http-connection.ts';
import { NetworkFailure, Watch } from './http-watch.ts';

export interface Transport {
  readonly signal: AbortSignal;
  /** So long may the other side say nothing. */
  readonly stallMs: number;
  /** How often in a row something may fail before it has failed. */
  readonly attempts: number;
  /** Before the second attempt; doubled each time, less up to half of it at random. */
  readonly pauseMs: number;
  readonly clock: Clock;
  /** Certificates (PEM) that are trusted besides the usual ones. */
  readonly authorities: string | null;
}

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent to the URL's own origin only. */
  readonly authorization: string | null;
  readonly body?: Body;
  /** Called with each part of the body that goes out. */
  readonly onSent?: (bytes: number) => void;
}

export const DEFAULT_TRANSPORT: Transport = {
  signal: new AbortController().signal,
  stallMs: 30_000,
  attempts: 5,
  pauseMs: 500,
  clock: systemClock,
  authorities: null,
};

const REDIRECTS = 5;
/** Who asks for a longer pause than this is not waited for: a person decides. */
const LONGEST_PAUSE_MS = 60_000;
/** After an upload the registry may take as long as its size takes at this rate before its answer counts as late. */
const SLOWEST_BYTES_PER_MS = 50;
/** What is not longer than this is read rather than its connection given up. */
const WORTH_READING_BYTES = 16 << 10;
/** Less progress than this is none: else who sends a byte at a time would be tried for ever. */
const PROGRESS_BYTES = 16 << 10;
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** An answer whose head is there. Its body must be read or cancelled. */
export class Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Where it came from, after redirects. */
  readonly url: URL;
  readonly #body: IncomingMessage;
  readonly #watch: Watch;
  readonly #isHead: boolean;

  constructor(response: IncomingMessage, { url, method }: Pick<Request, 'url' | 'method'>, watch: Watch) {
    this.#isHead = method === 'HEAD';
    this.status = response.statusCode ?? 0;
    this.headers = headersOf(response);
    this.url = url;
    this.#body = response;
    this.#watch = watch;
    // Nobody may be reading when it breaks off.
    response.on('error', () => {});
  }

  /** Throws NetworkFailure when it breaks off or falls silent, and the signal's reason when that fires. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    try {
      this.#watch.start();
      for await (const chunk of this.#body) {
        this.#watch.came((chunk as Buffer).length); // The time that the reader takes is not the server's.
        yield chunk as Buffer;
        this.#watch.start();
      }
    } catch (error) {
      throw this.#watch.explain(error);
    } finally {
      this.#watch.end();
    }
  }

  /** The whole body; null where it is longer than the limit. */
  async bytes(limit: number): Promise<Buffer | null> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.chunks()) {
      size += chunk.length;
      if (size > limit) return null;
      parts.push(chunk);
    }
    return Buffer.concat(parts);
  }

  /** A short body is read to its end, so that the connection can be used again. */
  cancel(): void {
    const length = Number(this.headers.get('content-length') ?? Number.NaN);
    if (!(length <= WORTH_READING_BYTES) && !this.#isHead) return this.#watch.end();
    this.#watch.start();
    this.#body.once('close', () => this.#watch.end()).resume();
  }
}

function headersOf(response: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(response.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}

/** One request, redirects followed. Every status is an answer but those that pass by themselves (429, 5xx): NetworkFailure. */
export async function send(request: Request, transport: Transport): Promise<Answer> {
  let url = request.url;
  for (let hop = 0; hop <= REDIRECTS; hop += 1) {
    const isHome = url.origin === request.url.origin;
    const answer = await sendOnce({ ...request, url, authorization: isHome ? request.authorization : null }, transport);
    const location = answer.headers.get('location');
    if (answer.status < 300 || answer.status >= 400 || location === null) return answer;
    answer.cancel();
    url = redirected(location, url);
  }
  throw protocolError(request.url, 'it redirects in circles');
}

async function sendOnce(request: Request, transport: Transport): Promise<Answer> {
  const { method, url, body = null, authorization, onSent } = request;
  const watch = new Watch(transport.signal, transport.stallMs);
  let left = body?.size ?? 0;
  const sent = (bytes: number): void => {
    left -= bytes;
    watch.start(left > 0 ? 0 : (body?.size ?? 0) / SLOWEST_BYTES_PER_MS);
    onSent?.(bytes);
  };
  const headers = { 'accept-encoding': 'identity', 'user-agent': 'kiln', ...request.headers };
  try {
    watch.start();
    const response = await exchange({
      method,
      url,
      headers: authorization === null ? headers : { ...headers, authorization },
      body,
      authorities: transport.authorities,
      signal: watch.signal,
      onSent: sent,
    });
    watch.stop();
    return passable(new Answer(response, { url, method }, watch));
  } catch (error) {
    const failure = watch.explain(error);
    if (!(error instanceof NetworkFailure)) watch.end();
    throw failure;
  }
}

function passable(answer: Answer): Answer {
  if (!PASSING.has(answer.status)) return answer;
  answer.cancel();
  throw new NetworkFailure(`it answered ${answer.status}${limitOf(answer.headers)}`, retryAfterMs(answer.headers));
}

/** Runs until it succeeds, throws something else than a passing failure, or has failed too often: REGISTRY_UNREACHABLE. */
export async function retrying<T>(registry: string, transport: Transport, run: () => Promise<T>, made = () => 0): Promise<T> {
  let progress = made();
  for (let failures = 1; ; failures += 1) {
    try {
      return await run();
    } catch (error) {
      transport.signal.throwIfAborted();
      if (!(error instanceof NetworkFailure || error instanceof BrokenOff)) throw error;
      // What got further starts counting anew: a long transfer over a bad line gets there.
      if (made() >= progress + PROGRESS_BYTES) {
        failures = 1;
        progress = made();
      }
      const failure = error instanceof NetworkFailure ? error : null;
      const asked = failure?.retryAfterMs ?? null;
      if (asked !== null && asked > LONGEST_PAUSE_MS) throw limited(registry, error, asked);
      if (failure?.isLasting === true || failures >= transport.attempts) throw unreachable(registry, error, failures);
      const pause = Math.min(transport.pauseMs * 2 ** (failures - 1), LONGEST_PAUSE_MS) * (1 - Math.random() / 2);
      await transport.clock.sleep(asked ?? pause, transport.signal);
    }
  }
}

/** Null for what is no JSON; a schema says what is wrong with null. Not with the parser's message, which quotes secrets. */
export function jsonOf(body: Buffer | null): unknown {
  try {
    return JSON.parse(body?.toString('utf8') ?? '');
  } catch {
    return null;
  }
}

export function protocolError(url: URL, why: string): KilnError {
  return new KilnError('REGISTRY_PROTOCOL', `${url.host} does not follow the distribution specification: ${why}`, {
    hint: "check the registry's address: is it a registry, and does a proxy stand in between?",
  });
}

function unreachable(registry: string, failure: Error, attempts: number): KilnError {
  return new KilnError(
    'REGISTRY_UNREACHABLE',
    `the registry ${registry} failed ${attempts === 1 ? 'once' : `${attempts} times, at last`}: ${failure.message}`,
    {
      hint: 'check its address and the network; a registry without TLS must be on this machine or named as such',
      cause: failure,
    },
  );
}

function limited(registry: string, failure: Error, pauseMs: number): KilnError {
  const minutes = Math.ceil(pauseMs / 60_000);
  return new KilnError('REGISTRY_LIMITED', `the registry ${registry} asks to wait for ${minutes} minutes: ${failure.message}`, {
    hint: `try again then; logins (\`kiln login ${registry}\`) and mirrors (registries.yaml) have limits of their own`,
    cause: failure,
  });
}

function redirected(location: string, from: URL): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : null;
  // From an encrypted connection only to an encrypted one, and never to files or other schemes.
  if (to !== null && (to.protocol === 'https:' || to.protocol === from.protocol)) return to;
  throw protocolError(from, 'it redirects to an address that is malformed or not encrypted');
}

/** Retry-After, or RateLimit-Reset (seconds, as in the IETF's draft and Docker Hub's answers). */
function retryAfterMs(headers: Headers): number | null {
  const header = headers.get('retry-after') ?? /^[0-9]+/.exec(headers.get('ratelimit-reset') ?? '')?.[0] ?? null;
  if (header === null) return null;
  const ms = /^[0-9]{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(ms, 0);
}

/** `RateLimit-Limit: 100;w=21600` and `RateLimit-Remaining: 0;w=21600` in words; nothing where they are not there. */
function limitOf(headers: Headers): string {
  const [, limit, window] = /^([0-9]{1,9})(?:;w=([0-9]{1,9}))?/.exec(headers.get('ratelimit-limit') ?? '') ?? [];
  const left = /^[0-9]{1,9}/.exec(headers.get('ratelimit-remaining') ?? '')?.[0];
  if (limit === undefined) return '';
  return ` (${limit} requests${window === undefined ? '' : ` in ${Math.round(Number(window) / 60)} minutes`}, ${left ?? '?'} left)`;
}
