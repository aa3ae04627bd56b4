/** One health check of one instance. Engines share it; what runs a command in the instance's surroundings is the engine's. */
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';

import type { Health, Probe } from '../domain/release.ts';
import { messageOf } from '../errors/error.ts';
import type { Address } from './engine.ts';

/** Null is healthy; else what was wrong, for people: "GET /healthz answered 500, not 200". */
export type Verdict = string | null;

/** Runs a command beside the instance, to its end. */
export type CommandProbe = (command: readonly string[], signal: AbortSignal) => Promise<Verdict>;

export interface Prober {
  /** Never throws, and never takes longer than the timeout (and a moment). */
  probe(timeoutMs: number): Promise<Verdict>;
  /** Lets go of its connection, so that it is not in the way of a graceful stop. */
  close(): void;
}

/** How much of an answer is searched for the expected text. */
const BODY_BYTES = 64 << 10;

export function createProber(probe: Probe, address: Address | null, runCommand: CommandProbe): Prober {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const check = checkOf(probe, address, agent, runCommand);
  return {
    probe: async (timeoutMs) => {
      const begun = performance.now();
      try {
        return await check(timeoutMs);
      } catch (error) {
        // A timer can fire a fraction of a millisecond early.
        const why = Math.ceil(performance.now() - begun) >= timeoutMs ? `no answer within ${seconds(timeoutMs)}` : reason(error);
        return `${nameOf(probe, address)}: ${why}`;
      }
    },
    close: () => agent.destroy(),
  };
}

/** Throws for no answer at all. */
type Check = (timeoutMs: number) => Promise<Verdict>;

function checkOf(probe: Probe, address: Address | null, agent: Agent, runCommand: CommandProbe): Check {
  if (probe.kind === 'none') return async () => null;
  if (probe.kind === 'command') return (timeoutMs) => runCommand(probe.command, AbortSignal.timeout(timeoutMs));
  if (address === null) return async () => `the service has no port to check over ${probe.kind}`;
  if (probe.kind === 'tcp') return (timeoutMs) => checkTcp(address, timeoutMs);
  return (timeoutMs) => checkHttp(probe, address, agent, timeoutMs);
}

function nameOf(probe: Probe, address: Address | null): string {
  if (probe.kind === 'http') return `GET ${probe.path}`;
  if (probe.kind === 'command') return probe.command.join(' ');
  return `connection to port ${address?.port ?? '?'}`;
}

function checkTcp(address: Address, timeoutMs: number): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    destroyAfter(timeoutMs, socket);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve(null);
    });
  });
}

/** By a timer of its own: an AbortSignal for each probe costs as much as the rest of it. */
function destroyAfter(ms: number, connection: Socket | ClientRequest): void {
  const timer = setTimeout(() => connection.destroy(new Error('timed out')), ms);
  connection.once('close', () => clearTimeout(timer));
}

type HttpProbe = Extract<Health['probe'], { kind: 'http' }>;

async function checkHttp(probe: HttpProbe, address: Address, agent: Agent, timeoutMs: number): Promise<Verdict> {
  const { status, body } = await get(probe.path, address, agent, timeoutMs);
  if (status !== probe.status) return `GET ${probe.path} answered ${status}, not ${probe.status}`;
  if (probe.body !== undefined && !body.includes(probe.body)) {
    return `GET ${probe.path} answered without the text ${JSON.stringify(probe.body)}`;
  }
  return null;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The server closed an idle connection just as it was used again: that says nothing of its health. */
class StaleConnection extends Error {}

async function get(path: string, address: Address, agent: Agent, timeoutMs: number): Promise<Answer> {
  const begun = performance.now();
  for (;;) {
    const left = timeoutMs - (performance.now() - begun);
    try {
      return await send(path, address, agent, Math.max(left, 1));
    } catch (error) {
      if (!(error instanceof StaleConnection) || left <= 0) throw error;
    }
  }
}

function send(path: string, address: Address, agent: Agent, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...address, path, agent, headers: { 'user-agent': 'kiln' } });
    destroyAfter(timeoutMs, sent);
    sent.once('response', (response) => readAnswer(response, resolve, reject));
    sent.once('error', (error: NodeJS.ErrnoException) => {
      reject(sent.reusedSocket && error.code === 'ECONNRESET' ? new StaleConnection() : error);
    });
    sent.end();
  });
}

function readAnswer(response: IncomingMessage, resolve: (answer: Answer) => void, reject: (error: Error) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const done = (): void => {
    resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).subarray(0, BODY_BYTES).toString('utf8') });
  };
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < BODY_BYTES) return;
    done();
    response.destroy();
  });
  response.once('end', done);
  response.once('error', reject);
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the instance',
  ETIMEDOUT: 'the connection timed out',
};

const reason = (error: unknown): string => REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);

export const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`;
