/**
 * HAProxy's runtime API, through the master's socket: it reaches every worker, those too that are leaving after a reload
 * (whose own stats socket is gone). One connection for each call; a call that gets no answer is BALANCER_UNREACHABLE.
 */
import { connect } from 'node:net';

import { KilnError } from '../errors/error.ts';

const ANSWER_MS = 2_000;
/** A line of commands must fit HAProxy's buffer of 16 KiB. */
const LINE_BYTES = 8_000;

export interface Workers {
  readonly master: number;
  /** Null while a reload has not got that far. */
  readonly current: number | null;
  readonly old: readonly number[];
  /** Reloads in a row that failed. */
  readonly failed: number;
}

export interface Worker {
  readonly pid: number;
  /** One command's answer. */
  query(command: string): Promise<string>;
  /** Several commands that answer nothing but known words of success; anything else throws. */
  change(commands: readonly string[]): Promise<void>;
}

export class Master {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async workers(): Promise<Workers> {
    return parseWorkers(await this.#ask('show proc'));
  }

  /** Asks for a reload; the answer comes before it is done. */
  async reload(): Promise<void> {
    await this.#ask('reload');
  }

  /** The newest worker. */
  async current(): Promise<Worker> {
    const { current } = await this.workers();
    if (current === null) throw unreachable('no worker is ready yet');
    return this.worker(current);
  }

  worker(pid: number): Worker {
    const query = (command: string): Promise<string> => this.#ask(`@!${pid} ${command}`);
    return {
      pid,
      query,
      change: async (commands) => {
        for (const line of inLines(commands.map((command) => `@!${pid} ${command}`))) refuseFailures(await this.#ask(line));
      },
    };
  }

  /** Calls back once when the connection ends: the master has died, or replaces itself for a reload. Returns the way to stop. */
  watch(ended: () => void): () => void {
    const socket = connect(this.#socket);
    socket.unref();
    socket.on('error', () => {});
    socket.once('close', ended);
    return () => {
      socket.off('close', ended);
      socket.destroy();
    };
  }

  #ask(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#socket);
      const chunks: Buffer[] = [];
      socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', (cause) => reject(unreachable(cause.message, cause)));
      socket.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
      socket.end(`${line}\n`);
    });
  }
}

function inLines(commands: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const command of commands) {
    const last = lines.at(-1);
    if (last === undefined || last.length + command.length > LINE_BYTES) lines.push(command);
    else lines[lines.length - 1] = `${last};${command}`;
  }
  return lines;
}

/** `set server … addr` says what it changed, and a session that is to be closed may have ended; all other words are complaints. */
const SUCCESS =
  /^(?:No such session \(use 'show sess'\)\.|New server registered\.|Server deleted\.|(?:IP|port) changed from .*|no need to change .*)$/;

function refuseFailures(answer: string): void {
  const complaint = answer.split('\n').find((line) => line !== '' && !SUCCESS.test(line));
  if (complaint !== undefined) throw new Error(`HAProxy refused a command: ${complaint}`);
}

/** `show proc`: a table with the sections `# workers` and `# old workers`. */
export function parseWorkers(text: string): Workers {
  let section = '';
  let master = 0;
  let failed = 0;
  const pids: { worker: number[]; old: number[] } = { worker: [], old: [] };
  for (const line of text.split('\n')) {
    if (line.startsWith('# ')) section = line.slice(2);
    const [, pid, type] = /^(\d+)\s+(\w+)/.exec(line) ?? [];
    if (type === 'master') {
      master = Number(pid);
      failed = Number(/\[failed: (\d+)\]/.exec(line)?.[1] ?? 0);
    }
    if (type === 'worker') pids[section === 'old workers' ? 'old' : 'worker'].push(Number(pid));
  }
  return { master, current: pids.worker[0] ?? null, old: pids.old, failed };
}

export const unreachable = (why: string, cause?: unknown): KilnError =>
  new KilnError('BALANCER_UNREACHABLE', `the load balancer does not answer: ${why}`, {
    hint: 'Kiln restarts it by itself; if this stays, see run/lb/haproxy.log in KILN_HOME and `kiln doctor`',
    cause,
  });
