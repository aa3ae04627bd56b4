/**
 * The way to the daemon, for the command line and the dashboard: a client, and the daemon started where none runs.
 * Knows nothing of what the daemon does.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { KilnError, messageOf } from '../errors/error.ts';
import { systemClock } from '../platform/clock.ts';
import { makeHome } from '../platform/home-folder.ts';
import type { Home } from '../platform/home.ts';
import { createClient, type Client } from './client.ts';
import { errorOf } from './wire.ts';

export interface ConnectOptions {
  /** Start the daemon where none runs; else DAEMON_UNREACHABLE is thrown. */
  readonly start: boolean;
  /** What the daemon is started with; its KILN_HOME is the home's. */
  readonly env: NodeJS.ProcessEnv;
}

const START = fileURLToPath(new URL('../start.mjs', import.meta.url));
const START_MS = 30_000;
const POLL_MS = 20;
const LOG_LIMIT_BYTES = 10 << 20;

/** The descriptor on which a started daemon says `ready`, or its error as JSON (see src/daemon/entry.ts). */
const READY_DESCRIPTOR = 3;

export async function connect(home: Home, options: ConnectOptions): Promise<Client> {
  if (await answers(home.socket)) return createClient(home.socket);
  if (!options.start) {
    throw new KilnError('DAEMON_UNREACHABLE', `no daemon runs for ${home.root}`, { hint: 'run `kiln up` to start it' });
  }
  await startDaemon(home, options.env);
  return createClient(home.socket);
}

/** Whether anybody listens on the socket. */
export function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connectSocket(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

async function startDaemon(home: Home, env: NodeJS.ProcessEnv): Promise<void> {
  const said = await spawnDaemon(home, env);
  if (said.trim() === 'ready') return;
  const error = failureOf(said);
  // Another command started one at the same moment: that one will answer.
  if (error?.code === 'DAEMON_RUNNING') return waitForSocket(home);
  throw error ?? (await diedSilently(home));
}

/** What the new daemon said about its start; '' when it ended without a word. */
async function spawnDaemon(home: Home, env: NodeJS.ProcessEnv): Promise<string> {
  const log = openLog(home);
  const child = spawn(process.execPath, [START, 'daemon'], {
    detached: true,
    cwd: '/',
    env: { ...env, KILN_HOME: home.root, KILN_READY_FD: String(READY_DESCRIPTOR) },
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  child.unref();
  const ready = child.stdio[READY_DESCRIPTOR] as Readable;
  const tooLate = setTimeout(() => ready.destroy(), START_MS);
  let said = '';
  try {
    for await (const chunk of ready.iterator({ destroyOnReturn: true })) said += String(chunk);
  } catch {
    // A broken pipe tells the same as its end.
  } finally {
    clearTimeout(tooLate);
  }
  return said;
}

function openLog(home: Home): number {
  const path = join(home.root, 'daemon.log');
  try {
    makeHome(home);
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > LOG_LIMIT_BYTES) renameSync(path, `${path}.1`);
    return openSync(path, 'a', 0o600);
  } catch (cause) {
    if (cause instanceof KilnError) throw cause;
    throw new KilnError('DAEMON_UNREACHABLE', `no daemon can be started in ${home.root}: ${messageOf(cause)}`, {
      hint: 'run the command as the owner of that folder, or set KILN_HOME to one that you may write',
      cause,
    });
  }
}

function failureOf(said: string): KilnError | null {
  try {
    return errorOf(JSON.parse(said));
  } catch {
    return null;
  }
}

async function diedSilently(home: Home): Promise<KilnError> {
  const log = await readFile(join(home.root, 'daemon.log'), 'utf8').catch(() => '');
  const last = log.trimEnd().split('\n').slice(-3).join('\n');
  return new KilnError('DAEMON_UNREACHABLE', `the daemon ended before it was ready: ${last}`, {
    hint: `look into ${join(home.root, 'daemon.log')}`,
  });
}

async function waitForSocket(home: Home): Promise<void> {
  const deadline = systemClock.now() + START_MS;
  while (systemClock.now() < deadline) {
    if (await answers(home.socket)) return;
    await systemClock.sleep(POLL_MS);
  }
  throw new KilnError('DAEMON_UNREACHABLE', `a daemon holds the lock of ${home.root}, but does not answer`, {
    hint: `look into ${join(home.root, 'daemon.log')}`,
  });
}
