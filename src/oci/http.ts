/**
 * HTTP as registries need it, on Node's fetch: redirects that carry no credentials away, a deadline for every silence, and
 * tries again after failures that pass. Nothing here knows what is asked for; no header or query is ever in an error.
 */
import { KilnError, messageOf } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import { BrokenOff, codeOf } from './blobs.ts';

export interface Transport {
  readonly signal: AbortSignal;
  /** So long may the other side say nothing. */
  readonly stallMs: number;
  /** How often in a row something may fail before it has failed. */
  readonly attempts: number;
  /** Before the second attempt; doubled each time. */
  readonly pauseMs: number;
  readonly clock: Clock;
}

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent to the URL's own origin only. */
  readonly authorization: string | null;
  readonly body?: Blob | string;
}

/** The connection failed, broke, or fell silent: worth another try. */
export class NetworkFailure extends Error {
  /** What the server asked for in Retry-After; null where it said nothing. */
  readonly retryAfterMs: number | null;

  constructor(why: string, retryAfterMs: number | null = null, cause?: unknown) {
    super(why, { cause });
    this.retryAfterMs = retryAfterMs;
  }

  /** Another try would fail in the same way: no such host, or TLS that can't be trusted. */
  get isLasting(): boolean {
    return LASTING.test(this.message);
  }
}

const LASTING = /ENOTFOUND|CERT|ERR_TLS|ERR_SSL|bad port/;
const REDIRECTS = 5;
const LONGEST_PAUSE_MS = 60_000;
/** An upload may take as long as its size takes at this rate before the answer counts as late. */
const SLOWEST_BYTES_PER_MS = 50;
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** An answer whose head is there. Its body must be read or cancelled. */
export class Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Where it came from, after redirects. */
  readonly url: URL;
  readonly #body: AsyncIterable<Uint8Array> | null;
  readonly #watch: Watch;

  constructor(response: Response, url: URL, watch: Watch) {
    this.status = response.status;
    this.headers = response.headers;
    this.url = url;
    this.#body = response.body;
    this.#watch = watch;
  }

  /** Throws NetworkFailure when it breaks off or falls silent, and the signal's reason when that fires. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    try {
      this.#watch.start();
      for await (const chunk of this.#body ?? []) {
        this.#watch.stop(); // The time that the reader takes is not the server's.
        yield chunk;
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

  cancel(): void {
    this.#watch.end();
  }
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
  const { method, url, body } = request;
  const size = body instanceof Blob ? body.size : (body?.length ?? 0);
  const watch = new Watch(transport, transport.stallMs + size / SLOWEST_BYTES_PER_MS);
  const headers = { 'accept-encoding': 'identity', 'user-agent': 'kiln', ...request.headers };
  try {
    watch.start();
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      signal: watch.signal,
      headers: request.authorization === null ? headers : { ...headers, authorization: request.authorization },
      ...(body === undefined ? {} : { body }),
    });
    watch.stop();
    if (!PASSING.has(response.status)) return new Answer(response, url, watch.forBody());
    throw new NetworkFailure(`it answered ${response.status}`, retryAfterMs(response.headers.get('retry-after')));
  } catch (error) {
    const failure = watch.explain(error);
    watch.end();
    throw failure;
  }
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
      if (made() > progress) failures = 1;
      progress = made();
      const failure = error instanceof NetworkFailure ? error : null;
      if (failure?.isLasting === true || failures >= transport.attempts) throw unreachable(registry, error, failures);
      const asked = failure?.retryAfterMs ?? null;
      const pause = asked ?? transport.pauseMs * 2 ** (failures - 1);
      await transport.clock.sleep(Math.min(pause, LONGEST_PAUSE_MS), transport.signal);
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

function redirected(location: string, from: URL): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : null;
  // From an encrypted connection only to an encrypted one, and never to files or other schemes.
  if (to !== null && (to.protocol === 'https:' || to.protocol === from.protocol)) return to;
  throw protocolError(from, 'it redirects to an address that is malformed or not encrypted');
}

function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  const ms = /^[0-9]{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(ms, 0);
}

/** Aborts a request when the other side is silent for too long. */
class Watch {
  readonly #controller = new AbortController();
  readonly #transport: Transport;
  #limitMs: number;
  #timer: NodeJS.Timeout | undefined;
  readonly signal: AbortSignal;

  constructor(transport: Transport, limitMs: number) {
    this.#transport = transport;
    this.#limitMs = limitMs;
    this.signal = AbortSignal.any([transport.signal, this.#controller.signal]);
  }

  /** From here on the limit of a silence counts, however long the request took to send. */
  forBody(): this {
    this.#limitMs = this.#transport.stallMs;
    return this;
  }

  start(): void {
    clearTimeout(this.#timer);
    const stalled = (): void => this.#controller.abort(new NetworkFailure(`it said nothing for ${Math.round(this.#limitMs)} ms`));
    this.#timer = setTimeout(stalled, this.#limitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Also frees the connection of a body that was not read to its end. */
  end(): void {
    this.stop();
    this.#controller.abort(new NetworkFailure('the answer was not wanted'));
  }

  explain(error: unknown): unknown {
    if (this.#transport.signal.aborted) return this.#transport.signal.reason;
    if (error instanceof NetworkFailure || !(error instanceof Error)) return error;
    if (this.#controller.signal.aborted) return this.#controller.signal.reason;
    // fetch throws TypeError for every network failure, with the system's error as its cause.
    if (error instanceof TypeError)
      return new NetworkFailure(codeOf(error.cause) ?? messageOf(error.cause ?? error), null, error);
    return error;
  }
}
