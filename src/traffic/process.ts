/**
 * The HAProxy process: started apart from the daemon so that it outlives it, found again by its record, replaced when dead.
 * Knows nothing of fleets: it is given a file that `haproxy -c` accepted and the hash of that file's structure.
 */
import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Digest } from '../domain/digest.ts';
import { isDigest } from '../domain/digest.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import type { Clock } from '../platform/clock.ts';
import { exec } from '../platform/exec.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import { unreachable, type Master, type Workers } from './master.ts';
import type { TrafficPaths } from './paths.ts';
import { findStray } from './stray.ts';

/** A process by its id and start time, which together no other process ever has. */
interface ProcessName {
  readonly pid: number;
  readonly startedAt: string;
}

interface ProcessRecord {
  readonly master: ProcessName;
  readonly workers: readonly ProcessName[];
  /** Null: not known, so not the one that is wanted. */
  readonly structure: Digest | null;
}

/** Nothing of the daemon's environment: HAProxy needs none of it, and it may hold secrets. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
const ENV = { PATH };
const READY_MS = 10_000;
const POLL_MS = 5;
/** After asking politely. In-flight requests of the last fleet may finish. */
const STOP_MS = 3_000;
const LOG_BYTES = 4 << 20;

export class HaproxyProcess {
  readonly #paths: TrafficPaths;
  readonly #master: Master;
  readonly #clock: Clock;
  #record: ProcessRecord | null = null;
  /** Up to here the log is about earlier attempts. */
  #logRead = 0;

  constructor(paths: TrafficPaths, master: Master, clock: Clock) {
    this.#paths = paths;
    this.#master = master;
    this.#clock = clock;
  }

  /** The structure that the running process was given; null where none runs. */
  get structure(): Digest | null {
    return this.#record?.structure ?? null;
  }

  /** Finds the process that an earlier daemon left, if it still lives and answers; by its socket where the record is lost. */
  async adopt(): Promise<boolean> {
    this.#record = parseRecord(await readIfThere(this.#paths.process));
    const workers = await this.#workers();
    if (workers === null) {
      if (!(await this.alive())) this.#record = await findLost(this.#paths.config);
      return false;
    }
    if (!(await this.alive())) {
      const startedAt = await startTime(workers.master);
      if (startedAt === null) return false;
      this.#record = { master: { pid: workers.master, startedAt }, workers: [], structure: null };
    }
    await this.#remember(workers);
    return workers.current !== null;
  }

  async alive(): Promise<boolean> {
    return this.#record !== null && (await isAlive(this.#record.master));
  }

  /** Starts a new one in the place of whatever is left of the last. Returns when its worker answers. */
  async start(structure: Digest): Promise<void> {
    await this.kill();
    await mkdir(this.#paths.jail, { recursive: true, mode: 0o711 });
    await rm(this.#paths.log, { force: true });
    this.#logRead = 0;
    const log = await open(this.#paths.log, 'a', 0o600);
    const child = spawn('haproxy', ['-W', '-f', this.#paths.config, '-S', `${this.#paths.master},mode,600`], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: ENV,
      cwd: '/',
    });
    const ended = new Promise<Error>((resolve) => {
      child.once('error', resolve);
      child.once('exit', (code, signal) => resolve(new Error(`it ended with ${signal ?? code}`)));
    });
    child.unref();
    await log.close();
    if (child.pid === undefined) throw unreachable('it could not be started', await ended);
    const startedAt = await startTime(child.pid);
    const began: ProcessName = { pid: child.pid, startedAt: startedAt ?? '' };
    await this.#save({ master: began, workers: [], structure });
    const first = await Promise.race([this.#ready((workers) => workers.current !== null), ended]);
    if (first instanceof Error) throw await this.#refused(first);
  }

  /** A new worker by the file as it is now; the old ones finish what they serve. Returns when the new one answers. */
  async reload(structure: Digest): Promise<void> {
    const before = await this.#master.workers();
    this.#logRead = (await stat(this.#paths.log)).size;
    await this.#master.reload();
    const done = ({ current, failed }: Workers): boolean =>
      failed > before.failed || (current !== null && current !== before.current);
    const { failed } = await this.#ready(done);
    if (failed > before.failed) throw await this.#refused(new Error('the reload failed'));
    if (this.#record !== null) await this.#save({ ...this.#record, structure });
  }

  /** Stops listening, lets requests in flight finish for a moment, ends. */
  async stop(): Promise<void> {
    if (await this.alive()) {
      if (this.#record !== null) signal(this.#record.master.pid, 'SIGUSR1');
      const deadline = this.#clock.now() + STOP_MS;
      while ((await this.alive()) && this.#clock.now() < deadline) await this.#clock.sleep(POLL_MS * 4);
    }
    await this.kill();
  }

  /** Ends at once whatever is left: workers outlive a killed master for a second, and hold its ports. */
  async kill(): Promise<void> {
    if (this.#record === null) return;
    const all = [this.#record.master, ...this.#record.workers];
    for (const each of all) if (await isAlive(each)) signal(each.pid, 'SIGKILL');
    while ((await Promise.all(all.map(isAlive))).includes(true)) await this.#clock.sleep(POLL_MS);
    this.#record = null;
    await rm(this.#paths.process, { force: true });
  }

  /** Polls until the workers are as wished. During a reload the master may be deaf for a moment. */
  async #ready(wished: (workers: Workers) => boolean): Promise<Workers> {
    const deadline = this.#clock.now() + READY_MS;
    for (;;) {
      const workers = await this.#workers();
      if (workers !== null && wished(workers)) {
        await this.#remember(workers);
        return workers;
      }
      if (this.#clock.now() > deadline) throw unreachable(`it was not ready within ${READY_MS} ms`);
      await this.#clock.sleep(POLL_MS);
    }
  }

  /** HAProxy appends a line for each server that changes, for as long as it lives. */
  async trimLog(): Promise<void> {
    const size = (await stat(this.#paths.log).catch(() => null))?.size ?? 0;
    if (size > LOG_BYTES) await truncate(this.#paths.log);
  }

  #workers(): Promise<Workers | null> {
    return this.#master.workers().catch(() => null);
  }

  async #remember({ current, old }: Workers): Promise<void> {
    if (this.#record === null) return;
    const pids = current === null ? old : [current, ...old];
    await this.#save({ ...this.#record, workers: await named(pids) });
  }

  async #save(record: ProcessRecord): Promise<void> {
    this.#record = record;
    await writeFileAtomic(this.#paths.process, JSON.stringify(record));
  }

  async #refused(cause: Error): Promise<KilnError> {
    const log = (await readIfThere(this.#paths.log)) ?? '';
    const alert = log
      .slice(this.#logRead)
      .split('\n')
      .findLast((line) => line.includes('[ALERT]') && line.includes('bind'));
    if (alert !== undefined && /Address already in use/i.test(alert)) {
      return new KilnError('PORT_IN_USE', 'another process listens on a port of the load balancer', {
        hint: 'run `kiln doctor` to see which, stop that process or give the service another `listen`',
        cause: new Error(alert),
      });
    }
    return unreachable(`it could not be started (${cause.message})`, cause);
  }
}

/** Asks HAProxy itself whether it would take the file; throws what it says against it. */
export async function checkConfig(file: string): Promise<void> {
  const { code, stderr, stdout } = await exec('haproxy', ['-c', '-f', file], { env: ENV });
  if (code === 0) return;
  const alerts = `${stderr}\n${stdout}`.split('\n').filter((line) => line.includes('[ALERT]'));
  throw new Error(`HAProxy refuses ${dirname(file)}'s new configuration: ${alerts.slice(0, 3).join(' ')}`);
}

/** HAProxy's version, `2.6.12`. Throws REQUIREMENT_MISSING where it isn't installed. */
export async function haproxyVersion(): Promise<string> {
  const { stdout } = await exec('haproxy', ['-v'], { env: ENV });
  return /version (\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1] ?? 'unknown';
}

export async function haproxyHasLua(): Promise<boolean> {
  const { stdout } = await exec('haproxy', ['-vv'], { env: ENV });
  return /^Feature list\b.*\s\+LUA\b/m.test(stdout);
}

/** One that ended since it was looked at is fine. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Lives, serves and holds ports, but nobody can talk to it any more: for `kill` and `stop`. */
async function findLost(config: string): Promise<ProcessRecord | null> {
  const stray = await findStray(config);
  if (stray === null) return null;
  const [master, ...workers] = await named([stray.master, ...stray.workers]);
  return master === undefined ? null : { master, workers, structure: null };
}

/** Those that have not ended. */
async function named(pids: readonly number[]): Promise<readonly ProcessName[]> {
  const all = await Promise.all(pids.map(async (pid) => ({ pid, startedAt: await startTime(pid) })));
  return all.flatMap(({ pid, startedAt }) => (startedAt === null ? [] : [{ pid, startedAt }]));
}

async function isAlive({ pid, startedAt }: ProcessName): Promise<boolean> {
  return (await startTime(pid)) === startedAt;
}

/** In clock ticks since boot (proc(5), stat, field 22); null for what has ended, zombies too. */
export async function startTime(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may itself hold spaces and parentheses. Behind it come fields 3 and on.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw new Error(`/proc/${pid}/stat is unreadable: ${messageOf(error)}`, { cause: error });
  }
}

function parseRecord(text: string | null): ProcessRecord | null {
  if (text === null) return null;
  try {
    const record = JSON.parse(text) as ProcessRecord;
    const known = record.structure === null || isDigest(record.structure);
    return known && Array.isArray(record.workers) && Number.isInteger(record.master.pid) ? record : null;
  } catch {
    return null; // Torn by nothing of ours (it is written whole): then it names no process.
  }
}
