/** For tests of the daemon: one that runs over a faked machine, and how to wait for its fleets. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import pino from 'pino';

import { createClient, type Client, type FleetStatusBody } from '../../client/client.ts';
import { Configuration } from '../../config/configuration.ts';
import { KilnError } from '../../errors/error.ts';
import { systemClock } from '../../platform/clock.ts';
import { kilnHome, type Home } from '../../platform/home.ts';
import { startDaemon, type Daemon } from '../daemon.ts';
import { fakeMachine, fakeWorld, type FakeWorld } from './fake-machine.ts';

export const YAML = `service: web
image: { from: scratch, entrypoint: [/app] }
run: { port: 3000, instances: 2, health: { tcp: true } }
replace: { warm-up: 0s }
environments: { local: { listen: "127.0.0.1:1" } }
`;

export interface Running {
  readonly home: Home;
  readonly folder: string;
  readonly world: FakeWorld;
  readonly client: Client;
  /** Ends the daemon and starts another over the same home and world. */
  readonly restart: (meanwhile?: () => void) => Promise<void>;
  readonly stopAsked: Promise<void>;
}

/** A daemon over a faked machine, with the folder of one service. */
export async function running(t: TestContext, yaml = YAML): Promise<Running> {
  const root = mkdtempSync(join(tmpdir(), 'kiln-daemon-'));
  const home = kilnHome({ KILN_HOME: join(root, 'home') }, 0);
  const folder = join(root, 'web');
  mkdirSync(folder);
  writeFileSync(join(folder, 'kiln.yaml'), yaml);
  const world = fakeWorld();
  const stop = Promise.withResolvers<void>();
  const log = pino({ level: 'silent' });
  const key = join(root, 'secrets.key');
  writeFileSync(key, Buffer.alloc(32, 7).toString('base64'), { mode: 0o600 });
  const configuration = new Configuration(home, { KILN_SECRETS_KEY_FILE: key });
  const start = (): Promise<Daemon> =>
    startDaemon({ home, clock: systemClock, log, configuration, openMachine: fakeMachine(world), onStopAsked: stop.resolve });
  let daemon = await start();
  t.after(async () => {
    await daemon.stop();
    rmSync(root, { recursive: true });
  });
  const restart = async (meanwhile = (): void => {}): Promise<void> => {
    await daemon.stop();
    meanwhile();
    daemon = await start();
  };
  return { home, folder, world, client: createClient(home), restart, stopAsked: stop.promise };
}

/** The status once it is as wanted, looked at after every entry of the history. */
export async function statusWhen(client: Client, wanted: (status: FleetStatusBody) => boolean): Promise<FleetStatusBody> {
  const enough = new AbortController();
  for await (const _ of client.events({ after: 0 }, { signal: enough.signal })) {
    const status = await client.status({ service: 'web' }).catch(() => null);
    if (status !== null && wanted(status)) return status;
  }
  throw new Error('the events ended');
}

export const steadyAt = (client: Client, release: number): Promise<FleetStatusBody> =>
  statusWhen(client, ({ phase, serving }) => phase === 'steady' && serving === release);

export const isError = (code: string, message?: RegExp) => (error: unknown) =>
  error instanceof KilnError && error.code === code && (message?.test(error.message) ?? true);
