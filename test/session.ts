/** `bin/kiln` against a daemon whose machine below (instances, routing, bake) is faked: for tests of the whole way between. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';

import pino from 'pino';

import { Configuration } from '../src/config/configuration.ts';
import { startDaemon } from '../src/daemon/daemon.ts';
import { fakeMachine, fakeWorld, type FakeWorld } from '../src/daemon/testing/fake-machine.ts';
import { systemClock } from '../src/platform/clock.ts';
import { exec, type ExecResult } from '../src/platform/exec.ts';
import { kilnHome, type Home } from '../src/platform/home.ts';

export const KILN = resolve(import.meta.dirname, '../bin/kiln');
const YAML = `service: web
image: { from: scratch, entrypoint: [/app] }
run: { port: 3000, instances: 2, health: { tcp: true, deadline: 1s } }
replace: { warm-up: 0s, deadline: 2s }
environments: { local: { listen: "127.0.0.1:1" } }
`;

export interface Session {
  readonly kiln: (...args: readonly string[]) => Promise<ExecResult>;
  readonly world: FakeWorld;
  /** Of kiln.yaml. */
  readonly folder: string;
  readonly home: Home;
}

export async function session(t: TestContext): Promise<Session> {
  const root = mkdtempSync(join(tmpdir(), 'kiln-session-'));
  const env = { ...process.env, KILN_HOME: join(root, 'home'), USER: 'ada', SUDO_USER: 'ada', NO_COLOR: '1' };
  const folder = join(root, 'web');
  mkdirSync(folder);
  writeFileSync(join(folder, 'kiln.yaml'), YAML);
  const world = fakeWorld();
  const log = pino({ level: 'silent' });
  const openMachine = fakeMachine(world);
  const home = kilnHome(env, 0);
  const key = join(root, 'secrets.key');
  writeFileSync(key, Buffer.alloc(32, 7).toString('base64'), { mode: 0o600 });
  const configuration = new Configuration(home, { KILN_SECRETS_KEY_FILE: key });
  const daemon = await startDaemon({ home, clock: systemClock, log, configuration, openMachine, onStopAsked: () => {} });
  t.after(async () => {
    await daemon.stop();
    rmSync(root, { recursive: true });
  });
  return { kiln: (...args) => exec(KILN, args, { env }), world, folder, home };
}

/** Runs a command that has to succeed. */
export async function said(answer: Promise<ExecResult>): Promise<string> {
  const { code, stdout, stderr } = await answer;
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return stdout;
}
