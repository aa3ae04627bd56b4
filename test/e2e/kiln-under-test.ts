/** One Kiln in a home of its own, with a small service to deploy, for the end-to-end tests. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { leftovers } from '../../bench/leftovers.ts';
import type { Client, FleetStatusBody } from '../../src/client/client.ts';
import { connect } from '../../src/client/connect.ts';
import { isAlive } from '../../src/platform/alive.ts';
import { kilnHome, type Home } from '../../src/platform/home.ts';
import { poll } from '../../src/platform/poll.ts';

const WAIT_MS = 60_000;
const POLL_MS = 20;

export interface Service {
  readonly folder: string;
  readonly port: number;
}

export interface KilnUnderTest {
  readonly home: Home;
  /** What its commands are run with. */
  readonly env: NodeJS.ProcessEnv;
  /** The client of the running daemon; one is started where none runs. */
  client(): Promise<Client>;
  /** Kills the daemon (SIGKILL) and waits until it is gone. */
  killDaemon(): Promise<void>;
  /** Retires all, stops the daemon, and answers what is left on the machine. */
  end(): Promise<readonly string[]>;
}

export function kilnUnderTest(more: NodeJS.ProcessEnv = {}): KilnUnderTest {
  const root = mkdtempSync(join(tmpdir(), 'kiln-e2e-'));
  const env = { ...process.env, ...more, KILN_HOME: root };
  const home = kilnHome(env, 0);
  const client = (): Promise<Client> => connect(home, { start: true, env });
  return {
    home,
    env,
    client,
    async killDaemon() {
      const { pid } = await (await client()).health();
      process.kill(pid, 'SIGKILL');
      await until('the daemon is gone', () => !isAlive(pid));
    },
    async end() {
      const daemon = await client();
      const { pid } = await daemon.health();
      await daemon.shutdown({ stop: true });
      await until('the daemon has stopped', () => !isAlive(pid));
      const left = await leftovers(home);
      if (left.length === 0) rmSync(root, { recursive: true });
      return left;
    },
  };
}

/** Waits for a condition; fails with what it waited for and what was last seen. */
export async function until<T>(what: string, look: () => T | Promise<T>, timeoutMs = WAIT_MS): Promise<NonNullable<T>> {
  let seen: unknown = null;
  let failed: unknown = null;
  const isSo = async (): Promise<boolean> => {
    try {
      seen = await look();
    } catch (error) {
      [seen, failed] = [null, error];
    }
    return seen !== false && seen !== null && seen !== undefined;
  };
  if (await poll(isSo, { withinMs: timeoutMs, everyMs: POLL_MS })) return seen as NonNullable<T>;
  throw new Error(`waited ${timeoutMs} ms until ${what}; last seen: ${String(seen ?? failed)}`);
}

/** Resolves once the fleet is steady at the release. */
export const steadyAt = (client: Client, service: string, release: number): Promise<FleetStatusBody> =>
  until(`${service} is steady at r${release}`, async () => {
    const status = await client.status({ service });
    const healthy = status.groups.find((group) => group.release === release)?.healthy ?? 0;
    return status.phase === 'steady' && status.serving === release && healthy >= status.size ? status : null;
  });

export interface ServiceOptions {
  readonly name: string;
  readonly version: string;
  /** What stands under `replace:`; default: rolling. */
  readonly strategy?: string;
  readonly instances?: number;
  /** Of the health of a new instance. */
  readonly deadline?: string;
  /** What else stands under `run:`. */
  readonly run?: string;
  /** false: it answers, but never healthily. */
  readonly healthy?: boolean;
  /** true: `/cgi-bin/version` is answered with 500, whatever its health. */
  readonly failing?: boolean;
}

const ANSWERS = '#!/bin/sh\necho; /bin/busybox cat /www/version\n';
const FAILS = '#!/bin/sh\necho "Status: 500 Sorry"; echo; echo failing\n';

/** A static site that busybox serves: `/version` says which. Written again with another version, it is the next release. */
export function writeService(folder: string, port: number, options: ServiceOptions): Service {
  const {
    name,
    version,
    strategy = 'rolling',
    run = '',
    deadline = '5s',
    instances = 3,
    healthy = true,
    failing = false,
  } = options;
  mkdirSync(join(folder, 'www'), { recursive: true });
  copyFileSync('/bin/busybox', join(folder, 'busybox'));
  writeFileSync(join(folder, 'www/version'), version);
  mkdirSync(join(folder, 'www/cgi-bin'), { recursive: true });
  writeFileSync(join(folder, 'www/cgi-bin/version'), failing ? FAILS : ANSWERS, { mode: 0o755 });
  rmSync(join(folder, 'www/healthz'), { force: true });
  if (healthy) writeFileSync(join(folder, 'www/healthz'), 'ok');
  writeFileSync(
    join(folder, 'kiln.yaml'),
    `service: ${name}
image:
  from: scratch
  files:
    - { from: busybox, to: /bin/busybox }
    - { from: busybox, to: /bin/sh }
    - { from: www, to: /www }
  run: [echo baked > /www/baked]
  entrypoint: [/bin/busybox, httpd, -f, -p, "3000", -h, /www]
  ports: [3000]
run:
  instances: ${instances}
  health: { http: /healthz, every: 200ms, deadline: ${deadline} }
  stop: { grace: 200ms }
  drain: { requests: 2s, streams: 2s }
  ${run}
replace:
  strategy: ${strategy}
  warm-up: 0s
  keep: 10m
environments:
  local: { listen: "127.0.0.1:${port}" }
`,
  );
  return { folder, port };
}

/** A port that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
