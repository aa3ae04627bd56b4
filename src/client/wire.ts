/** HTTP over the daemon's Unix socket: one request, and NDJSON as it comes. node:http only: every command pays for what is loaded here. */
import type { IncomingMessage } from 'node:http';

import { CATALOGUE, type ErrorCode } from '../errors/catalogue.ts';
import { KilnError } from '../errors/error.ts';
import { watchPulse, type DaemonPlace, type Patience } from './pulse.ts';

/** Not imported: as a module's import it brings all that it can export, fetch and WebSocket with it, which takes 40 ms. */
const { request } = process.getBuiltinModule('node:http');

export interface Call {
  readonly daemon: DaemonPlace;
  readonly patience: Patience;
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly signal: AbortSignal | undefined;
}

/** The answer's head; throws the daemon's own KilnError where the status is not 200, DAEMON_UNREACHABLE where nobody answers. */
export async function send(call: Call): Promise<IncomingMessage> {
  const response = await open(call);
  if (response.statusCode === 200) return response;
  throw errorOf(parse(await textOf(response, call.signal)));
}

function open(call: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath: call.daemon.socket,
      method: call.method,
      path: call.path,
      agent: false,
      headers: call.body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(call.body) },
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    let answer: IncomingMessage | null = null;
    outgoing.on('response', (response) => resolve((answer = response)));
    outgoing.on('error', (cause) => reject(brokenOff(cause, call.signal)));
    watchPulse(outgoing, call.daemon, call.patience, (error) => (answer ?? outgoing).destroy(error));
    outgoing.end(call.body ?? undefined);
  });
}

/** `signal` fires when the caller gave up: then it was not the daemon that went away. */
export async function textOf(response: IncomingMessage, signal?: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (cause) {
    throw brokenOff(cause, signal);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export async function* linesOf(response: IncomingMessage, signal?: AbortSignal): AsyncGenerator<string, void> {
  let rest = '';
  response.setEncoding('utf8');
  try {
    for await (const chunk of response) {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      yield* parts;
    }
  } catch (cause) {
    throw brokenOff(cause, signal);
  }
  if (rest !== '') yield rest;
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreachable(cause);
  }
}

/**
 * The KilnError that the daemon threw, from its JSON form. A refusal without a code comes from below the daemon's routes: a
 * request that HTTP itself can't take, such as one with a name of a hundred thousand letters.
 */
export function errorOf(body: unknown): KilnError {
  const said = (body ?? {}) as { code?: string; message?: string; hint?: string; at?: KilnError['at']; statusCode?: number };
  if (said.code === undefined && (said.statusCode ?? 500) < 500) return notTaken(said.message);
  const code = said.code !== undefined && said.code in CATALOGUE ? (said.code as ErrorCode) : 'BUG';
  return new KilnError(code, said.message ?? 'the daemon answered with an error that has no text', {
    hint: said.hint ?? 'see daemon.log in the home folder',
    ...(said.at === undefined ? {} : { cause: undefined, at: said.at }),
  });
}

const notTaken = (why = 'no reason given'): KilnError =>
  new KilnError('USAGE', `the daemon does not take the request: ${why}`, {
    hint: 'check what was given to the command for its length',
  });

function brokenOff(cause: unknown, signal: AbortSignal | undefined): KilnError {
  if (signal?.aborted === true) return interrupted(cause);
  return cause instanceof KilnError ? cause : unreachable(cause);
}

export const unreachable = (cause: unknown): KilnError =>
  new KilnError('DAEMON_UNREACHABLE', 'the daemon does not answer, or went away in the middle of its answer', {
    hint: 'run `kiln up` to start it; its log is daemon.log in the home folder',
    cause,
  });

const interrupted = (cause: unknown): KilnError =>
  new KilnError('INTERRUPTED', 'interrupted', { hint: 'run `kiln status` to see what the daemon goes on doing', cause });
