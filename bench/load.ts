/**
 * A load that notices everything: keep-alive and not, GET and POST, slow answers and streams, every body checked. What is
 * not a whole and right answer is a failure, and is kept with its reason. Used by the demo, the end-to-end tests and the
 * benchmarks; talks to the application in examples/web. Bounded: it stops at `requests`, or when told.
 */
import { Agent, request, type IncomingMessage, type RequestOptions } from 'node:http';

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  /** Requests under way at a time. */
  readonly users: number;
  /** Stops by itself after so many. */
  readonly requests: number;
  /** At most this many a second; absent: as many as the machine can hold. */
  readonly perSecond?: number;
  /** Parts of a thousand: what is not slow, stream, post or fresh is a GET over a kept connection. */
  readonly mix?: { readonly slow: number; readonly stream: number; readonly post: number; readonly fresh: number };
}

export interface LoadReport {
  readonly requests: number;
  readonly failed: number;
  /** The first few, for people: "POST /echo: socket hang up". */
  readonly failures: readonly string[];
  /** Answers by the version that gave them. */
  readonly versions: Readonly<Record<string, number>>;
  /** When each version answered for the last time, by the clock of `performance.now()`. */
  readonly lastAnswerAt: Readonly<Record<string, number>>;
  readonly seconds: number;
}

export interface Load {
  report(): LoadReport;
  /** Lets what is under way finish. */
  stop(): Promise<LoadReport>;
  /** When the bound is reached or `stop` was called, and nothing is under way any more. */
  readonly done: Promise<LoadReport>;
}

const MIX = { slow: 10, stream: 5, post: 200, fresh: 50 };
const KEPT_FAILURES = 20;
const BODY = 'kiln '.repeat(50);

interface Shot {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly fresh: boolean;
  /** What is wrong with the body, or null. */
  readonly check: (body: string) => string | null;
}

export function startLoad(options: LoadOptions): Load {
  const mix = options.mix ?? MIX;
  const kept = new Agent({ keepAlive: true, maxSockets: options.users });
  const tally = {
    requests: 0,
    failed: 0,
    failures: [] as string[],
    versions: {} as Record<string, number>,
    lastAnswerAt: {} as Record<string, number>,
  };
  const startedAt = performance.now();
  const bound = { started: 0, limit: options.requests };

  const report = (): LoadReport => ({
    ...tally,
    failures: [...tally.failures],
    versions: { ...tally.versions },
    lastAnswerAt: { ...tally.lastAnswerAt },
    seconds: (performance.now() - startedAt) / 1000,
  });
  const count = (shot: Shot, outcome: { version: string } | { failure: string }): void => {
    tally.requests += 1;
    if ('version' in outcome) {
      tally.versions[outcome.version] = (tally.versions[outcome.version] ?? 0) + 1;
      tally.lastAnswerAt[outcome.version] = performance.now();
    } else {
      tally.failed += 1;
      if (tally.failures.length < KEPT_FAILURES) tally.failures.push(`${shot.method} ${shot.path}: ${outcome.failure}`);
    }
  };
  const user = async (): Promise<void> => {
    while (bound.started < bound.limit) {
      const number = bound.started++;
      await pace(options.perSecond, number, startedAt);
      const shot = draw(number, mix);
      const agent = shot.fresh ? false : kept;
      count(shot, await fire({ host: options.host, port: options.port, agent }, shot));
    }
  };
  const done = Promise.all(Array.from({ length: options.users }, user)).then(() => {
    kept.destroy();
    return report();
  });
  return {
    report,
    done,
    stop() {
      bound.limit = 0;
      return done;
    },
  };
}

/** The n-th request starts no sooner than its time. */
async function pace(perSecond: number | undefined, number: number, startedAt: number): Promise<void> {
  if (perSecond === undefined) return;
  const wait = startedAt + (number * 1000) / perSecond - performance.now();
  if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
}

/** Spread evenly and the same in each run: the number times a prime, modulo a thousand. */
function draw(number: number, mix: NonNullable<LoadOptions['mix']>): Shot {
  const lot = (number * 617) % 1000;
  if (lot < mix.slow) return { method: 'GET', path: '/slow?ms=300', fresh: false, check: whole };
  if (lot < mix.slow + mix.stream) return { method: 'GET', path: '/stream?ms=1000', fresh: false, check: endsWith('end\n') };
  if (lot < mix.slow + mix.stream + mix.post) return { method: 'POST', path: '/echo', fresh: false, check: equals(BODY) };
  return { method: 'GET', path: '/', fresh: lot >= 1000 - mix.fresh, check: whole };
}

const whole = (): null => null;

const equals =
  (expected: string) =>
  (body: string): string | null =>
    body === expected ? null : `the answer is not what was sent (${body.length} of ${expected.length} bytes)`;

const endsWith =
  (expected: string) =>
  (body: string): string | null =>
    body.endsWith(expected) ? null : `the stream was cut after ${body.length} bytes`;

function fire(target: RequestOptions, shot: Shot): Promise<{ version: string } | { failure: string }> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve({ failure: error.message });
    const headers = shot.method === 'POST' ? { 'content-type': 'text/plain', 'content-length': BODY.length } : {};
    const sent = request({ ...target, method: shot.method, path: shot.path, headers, timeout: 30_000 });
    sent.on('error', failed);
    sent.on('timeout', () => sent.destroy(new Error('no answer within 30 s')));
    sent.on('response', (answer) => {
      read(answer).then((body) => resolve(judge(answer, shot.check(body))), failed);
    });
    sent.end(shot.method === 'POST' ? BODY : undefined);
  });
}

function judge(answer: IncomingMessage, wrong: string | null): { version: string } | { failure: string } {
  if (answer.statusCode !== 200) return { failure: `answered ${answer.statusCode}` };
  if (wrong !== null) return { failure: wrong };
  const version = answer.headers['x-version'];
  return { version: typeof version === 'string' ? version : '?' };
}

function read(answer: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let body = '';
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => {
      body += chunk;
    });
    answer.on('end', () => (answer.complete ? resolve(body) : reject(new Error('the answer was cut'))));
    answer.on('error', reject);
  });
}
