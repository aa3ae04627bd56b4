/** What the tests and the benchmark of the load balancer need around it: a home, apps, clients. All of it ends with `end()`. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

import {
  fleetId,
  groupId,
  instanceId,
  type EnvironmentName,
  type FleetId,
  type ReleaseNumber,
  type ServiceName,
} from '../../domain/ids.ts';
import type { Health } from '../../domain/release.ts';
import type { Endpoint, RoutedGroup, RoutingTable } from '../../engines/engine.ts';
import { systemClock, type Clock } from '../../platform/clock.ts';
import { kilnHome, type Home } from '../../platform/home.ts';
import { poll } from '../../platform/poll.ts';
import { createHaproxy, type Haproxy } from '../haproxy.ts';

export const CTX = { signal: new AbortController().signal };

export const HEALTH: Health = {
  probe: { kind: 'http', path: '/healthz', status: 200 },
  everyMs: 500,
  timeoutMs: 1_000,
  fall: 3,
  deadlineMs: 10_000,
};

export interface App {
  readonly endpoint: Endpoint;
  readonly process: ChildProcess;
  /** How often each request id reached it. */
  reached(): Promise<Readonly<Record<string, number>>>;
  /** The headers of the last request. */
  last(): Promise<IncomingHttpHeaders>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export const fleetOfService = (service: string): FleetId => fleetId(service as ServiceName, 'local' as EnvironmentName);

export class World {
  readonly home: Home;
  readonly log: string[] = [];
  readonly #apps: ChildProcess[] = [];
  readonly #balancers: Haproxy[] = [];
  #instances = 0;

  private constructor(home: Home) {
    this.home = home;
  }

  static async make(): Promise<World> {
    return new World(kilnHome({ KILN_HOME: await mkdtemp(join(tmpdir(), 'kiln-lb-')) }, 0));
  }

  static async withBalancer(): Promise<{ readonly world: World; readonly balancer: Haproxy; readonly port: number }> {
    const world = await World.make();
    return { world, balancer: await world.balancer(), port: await freePort() };
  }

  /** A daemon's view of the load balancer; several after each other are a daemon that restarts. */
  async balancer(clock: Clock = systemClock): Promise<Haproxy> {
    const log = { info: (message: string) => this.log.push(message), warn: (message: string) => this.log.push(message) };
    const haproxy = await createHaproxy({ home: this.home, clock, log });
    this.#balancers.push(haproxy);
    return haproxy;
  }

  /**
   * An instance of a release, running. `idleMs`: the longest that it leaves a kept connection open; rudely, if under a second.
   * `delayMs`: before each of its answers.
   */
  async app(fleet: FleetId, release: number, idleMs = 60_000, delayMs = 0): Promise<App> {
    this.#instances += 1;
    const instance = instanceId(groupId(fleet, release as ReleaseNumber), String(this.#instances).padStart(6, '0'));
    const child = fork(new URL('./backend.ts', import.meta.url), [`r${release}`, String(idleMs), String(delayMs)], {
      silent: true,
    });
    this.#apps.push(child);
    const [chunk] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    const address = { host: '127.0.0.1', port: Number(String(chunk)) };
    return {
      endpoint: { instance, address, state: 'ready' },
      process: child,
      reached: async () => JSON.parse((await get(address.port, '/reached')).body) as Record<string, number>,
      last: async () => JSON.parse((await get(address.port, '/last')).body) as IncomingHttpHeaders,
    };
  }

  async end(): Promise<void> {
    await Promise.all(this.#balancers.map((each) => each.close()));
    await this.#balancers.at(-1)?.stop();
    for (const app of this.#apps) app.kill('SIGKILL');
    await rm(this.home.root, { recursive: true, force: true });
  }
}

export function table(
  fleet: FleetId,
  port: number,
  groups: readonly RoutedGroup[],
  more: Partial<RoutingTable> = {},
): RoutingTable {
  return { fleet, listen: { host: '127.0.0.1', port }, preview: null, canary: null, health: HEALTH, groups, ...more };
}

export const routed = (
  fleet: FleetId,
  release: number,
  weight: number,
  apps: readonly App[],
  state: Endpoint['state'] = 'ready',
): RoutedGroup => ({
  group: groupId(fleet, release as ReleaseNumber),
  weight,
  endpoints: apps.map((app) => ({ ...app.endpoint, state })),
});

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export const get = (port: number, path: string, agent?: Agent, headers?: OutgoingHttpHeaders): Promise<Answer> =>
  send('GET', port, path, agent, headers);

/** Never retried: a failure here is one that a client would see. */
export function send(
  method: string,
  port: number,
  path: string,
  agent?: Agent,
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers, agent: agent ?? new Agent({ keepAlive: false }) };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), headers: response.headers }),
      );
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? 'x'.repeat(200) : undefined);
  });
}

/** Upgraded, and quiet. */
export function webSocket(port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'a2lsbiBraWxuIGtpbG4hIQ==',
    };
    const sent = request({ host: '127.0.0.1', port, headers });
    sent.on('upgrade', (_response, socket) => resolve(socket.on('error', () => {})));
    sent.on('response', ({ statusCode }) => reject(new Error(`not upgraded: ${statusCode}`)));
    sent.on('error', reject);
    sent.end();
  });
}

export interface Load {
  readonly answers: Map<string, number>;
  readonly failures: string[];
  /** Ends it and waits for the last answers. */
  stop(): Promise<Load>;
}

/** Clients that ask without a pause, keep-alive and not, GET and POST, each until stopped or for `total` requests in all. */
export function load(port: number, clients: number, total = Number.POSITIVE_INFINITY): Load & { readonly done: Promise<void> } {
  const agent = new Agent({ keepAlive: true });
  const answers = new Map<string, number>();
  const failures: string[] = [];
  let left = total;
  const stopping = new AbortController();
  const one = async (client: number): Promise<void> => {
    const method = client % 2 === 0 ? 'GET' : 'POST';
    while (!stopping.signal.aborted && left > 0) {
      left -= 1;
      try {
        const answer = await send(method, port, '/', client % 4 === 3 ? undefined : agent);
        answers.set(answer.body, (answers.get(answer.body) ?? 0) + 1);
        if (answer.status !== 200) failures.push(`${method} ${answer.status} ${answer.body}`);
      } catch (error) {
        failures.push(`${method} ${String(error)}`);
      }
    }
  };
  const done = Promise.all(Array.from({ length: clients }, (_, client) => one(client))).then(() => agent.destroy());
  const stop = async (): Promise<Load> => {
    stopping.abort();
    await done;
    return result;
  };
  const result = { answers, failures, stop, done };
  return result;
}

/** Polls until it holds; fails with what was seen last. */
export async function until<T>(what: string, look: () => Promise<T>, holds: (seen: T) => boolean, withinMs = 10_000): Promise<T> {
  let seen: T | null = null;
  const isSo = async (): Promise<boolean> => holds((seen = await look()));
  if (await poll(isSo, { withinMs, everyMs: 10 })) return seen as T;
  throw new Error(`not within ${withinMs} ms: ${what}; last seen ${JSON.stringify(seen)}`);
}
