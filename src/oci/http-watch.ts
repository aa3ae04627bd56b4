/** A deadline for every silence of the other side, and for its dribbling: who sends a byte now and then does not hold us up. */
import { messageOf } from '../errors/error.ts';
import { codeOf } from './blobs.ts';

/** The connection failed, broke, or fell silent: worth another try. */
export class NetworkFailure extends Error {
  /** What the server asked for (Retry-After, RateLimit-Reset); null where it said nothing. */
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

const LASTING = /ENOTFOUND|CERT|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO_/;
/** Slower than this over the time that a silence may last is as good as silent. */
const SLOWEST_BYTES_PER_SECOND = 100;

/** Aborts a request when the other side is silent for too long. */
export class Watch {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #stallMs: number;
  #timer: NodeJS.Timeout | undefined;
  #waitingSince = 0;
  #window = { waitedMs: 0, bytes: 0 };
  readonly signal: AbortSignal;

  constructor(outer: AbortSignal, stallMs: number) {
    this.#outer = outer;
    this.#stallMs = stallMs;
    this.signal = AbortSignal.any([outer, this.#controller.signal]);
  }

  /** From now on the other side's silence counts. `graceMs`: for what it may have to do first. */
  start(graceMs = 0): void {
    clearTimeout(this.#timer);
    const limitMs = this.#stallMs + graceMs;
    const stalled = (): void => this.#controller.abort(new NetworkFailure(`it said nothing for ${Math.round(limitMs)} ms`));
    this.#waitingSince = performance.now();
    this.#timer = setTimeout(stalled, limitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The bytes that ended a wait. Throws NetworkFailure where too few come. */
  came(bytes: number): void {
    this.stop();
    const window = this.#window;
    window.waitedMs += performance.now() - this.#waitingSince;
    window.bytes += bytes;
    if (window.waitedMs < this.#stallMs) return;
    const isTooSlow = window.bytes * 1000 < window.waitedMs * SLOWEST_BYTES_PER_SECOND;
    if (isTooSlow) throw new NetworkFailure(`it sent ${window.bytes} bytes in ${Math.round(window.waitedMs)} ms`);
    this.#window = { waitedMs: 0, bytes: 0 };
  }

  /** Also frees the connection of a body that was not read to its end. */
  end(): void {
    this.stop();
    this.#controller.abort(new NetworkFailure('the answer was not wanted'));
  }

  /** What a failure of the connection means to the caller. */
  explain(error: unknown): unknown {
    if (this.#outer.aborted) return this.#outer.reason;
    if (error instanceof NetworkFailure || !(error instanceof Error)) return error;
    if (this.#controller.signal.aborted) return this.#controller.signal.reason;
    const code = codeOf(error);
    return new NetworkFailure(typeof code === 'string' ? code : messageOf(error), null, error);
  }
}
