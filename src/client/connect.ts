/**
 * The way to the daemon, for the command line and the dashboard: a client, and the daemon started where none runs.
 * Knows nothing of what the daemon does.
 */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { KilnError, messageOf } from '../errors/error.ts';
import { systemClock } from '../platform/clock.ts';
import { makeHome } from '../platform/home-folder.ts';
import type { Home } from '../platform/home.ts';
import { createClient, type Client } from './client.ts';
import { lastWords } from './last-words.ts';
import { pidOf } from './pulse.ts';
import { errorOf } from './wire.ts';

export interface ConnectOptions {
  /** Start the daemon where none runs; else DAEMON_UNREACHABLE is thrown. */
  readonly start: boolean;
  /** What the daemon is started with; its KILN_HOME is the home's. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends the wait for the daemon, and every call of the client. */
  readonly signal?: AbortSignal;
  /** Told once where the start takes so long that a person would wonder. */
  readonly onSlowStart?: (pid: number | null) => void;
  readonly patience?: StartPatience;
}

export interface StartPatience {
  /** A person wonders after so long. */
  readonly slowMs: number;
  /** The caller gives up after so long; the daemon does not. */
  readonly startMs: number;
}

const START = fileURLToPath(new URL('../start.mjs', import.meta.url));
/** Taking up a hundred instances again, or a history of years, takes its time; a start that never ends has to be told, too. */
const START_PATIENCE: StartPatience = { slowMs: 5_000, startMs: 300_000 };
const POLL_MS = 20;
const LOG_LIMIT_BYTES = 10 << 20;

/** The descriptor on which a started daemon says `ready`, or its error as JSON (see src/daemon/entry.ts). */
const READY_DESCRIPTOR = 3;

export async function connect(home: Home, options: ConnectOptions): Promise<Client> {
  const { start, signal } = options;
  if (!(await answers(home.socket))) {
    if (!start) {
      throw new KilnError('DAEMON_UNREACHABLE', `no daemon runs for ${home.root}`, { hint: 'run `kiln up` to start it' });
    }
    await startDaemon(home, options);
  }
  return createClient(home, signal === undefined ? {} : { signal });
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

async function startDaemon(home: Home, options: ConnectOptions): Promise<void> {
  const { onSlowStart = (): void => {}, signal, patience: { slowMs, startMs } = START_PATIENCE } = options;
  const slow = setTimeout(() => onSlowStart(pidOf(home)), slowMs);
  const tooLate = AbortSignal.timeout(startMs);
  try {
    await untilStarted(home, options.env, signal === undefined ? tooLate : AbortSignal.any([signal, tooLate]));
  } catch (error) {
    signal?.throwIfAborted();
    throw tooLate.aborted ? stillStarting(home, startMs) : error;
  } finally {
    clearTimeout(slow);
  }
}

async function untilStarted(home: Home, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const { said, logged } = await spawnDaemon(home, env, signal);
  if (said.trim() === 'ready') return;
  signal.throwIfAborted();
  const error = failureOf(said);
  // Another command started one at the same moment: that one will answer.
  if (error?.code === 'DAEMON_RUNNING') return waitForSocket(home, signal);
  throw error ?? diedSilently(home, logged());
}

interface Start {
  /** What the new daemon said about it; '' when it ended, or the signal fired, before it said a word. */
  readonly said: string;
  /** What it wrote to its log. */
  readonly logged: () => string;
}

async function spawnDaemon(home: Home, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Start> {
  const log = openLog(home);
  const before = fstatSync(log).size;
  const child = spawn(process.execPath, [START, 'daemon'], {
    detached: true,
    cwd: '/',
    env: { ...env, KILN_HOME: home.root, KILN_READY_FD: String(READY_DESCRIPTOR) },
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  child.unref();
  const ready = child.stdio[READY_DESCRIPTOR] as Readable;
  const stop = (): void => void ready.destroy();
  signal.addEventListener('abort', stop, { once: true });
  let said = '';
  try {
    for await (const chunk of ready.iterator({ destroyOnReturn: true })) said += String(chunk);
  } catch {
    // A broken pipe tells the same as its end.
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return { said, logged: () => logAfter(home, before) };
}

function openLog(home: Home): number {
  const path = logOf(home);
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

function diedSilently(home: Home, log: string): KilnError {
  const words = lastWords(log);
  const why = words.length === 0 ? 'it left no word in its log' : words.join('\n');
  return new KilnError('DAEMON_UNREACHABLE', `the daemon ended before it was ready: ${why}`, {
    hint: `look into ${logOf(home)}`,
  });
}

async function waitForSocket(home: Home, signal: AbortSignal): Promise<void> {
  while (!(await answers(home.socket))) await systemClock.sleep(POLL_MS, signal);
}

function stillStarting(home: Home, afterMs: number): KilnError {
  const pid = pidOf(home);
  return new KilnError(
    'DAEMON_UNREACHABLE',
    `the daemon${pid === null ? '' : ` (process ${pid})`} is still starting after ${afterMs / 1000} s, and goes on`,
    { hint: `\`kiln up\` waits for it once more; ${logOf(home)} says how far it is` },
  );
}

const logOf = (home: Home): string => join(home.root, 'daemon.log');

function logAfter(home: Home, offset: number): string {
  try {
    return readFileSync(logOf(home)).subarray(offset).toString('utf8');
  } catch {
    return '';
  }
}
