/** Child processes: one way to run a program to its end, with bounded output and a clear error. Never through a shell. */
import { spawn } from 'node:child_process';

import { KilnError } from '../errors/error.ts';

export interface ExecOptions {
  readonly cwd?: string;
  /** The whole environment of the child; the daemon's own where absent. */
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array;
  /** Kills (SIGKILL) when it fires. */
  readonly signal?: AbortSignal;
  /** Called with each chunk of standard output and error as it comes. */
  readonly onOutput?: (chunk: Buffer, stream: 'stdout' | 'stderr') => void;
}

export interface ExecResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Of each stream the last this many bytes are kept. */
const KEPT_BYTES = 4 << 20;

/** Runs to the end and answers whatever the exit code was. A program that is not there throws REQUIREMENT_MISSING. */
export function exec(command: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: 'SIGKILL' as const }),
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const kept = { stdout: tail(), stderr: tail() };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.on('data', (chunk: Buffer) => {
        kept[stream].push(chunk);
        options.onOutput?.(chunk, stream);
      });
    }
    child.stdin?.on('error', () => {}); // The child may end without reading all; its exit code tells.
    child.stdin?.end(options.input);
    child.on('error', (cause: NodeJS.ErrnoException) => reject(cause.code === 'ENOENT' ? missing(command, cause) : cause));
    child.on('close', (code, signal) => resolve({ code, signal, stdout: kept.stdout.text(), stderr: kept.stderr.text() }));
  });
}

/** The same, but an exit code other than 0 throws an Error that quotes the end of standard error. */
export async function run(command: string, args: readonly string[], options: ExecOptions = {}): Promise<string> {
  const result = await exec(command, args, options);
  if (result.code === 0) return result.stdout;
  const how = result.code === null ? `was ended by ${result.signal}` : `failed with exit code ${result.code}`;
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-5).join('\n');
  throw new Error(`${command} ${args[0] ?? ''} ${how}${said === '' ? '' : `: ${said}`}`);
}

function missing(command: string, cause: unknown): KilnError {
  return new KilnError('REQUIREMENT_MISSING', `the program "${command}" is not installed`, {
    hint: 'run `kiln doctor`: it names the package for each missing program',
    cause,
  });
}

function tail(): { push(chunk: Buffer): void; text(): string } {
  let chunks: Buffer[] = [];
  let size = 0;
  return {
    push(chunk) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > 2 * KEPT_BYTES) {
        chunks = [Buffer.concat(chunks).subarray(-KEPT_BYTES)];
        size = KEPT_BYTES;
      }
    },
    text: () => Buffer.concat(chunks).subarray(-KEPT_BYTES).toString('utf8'),
  };
}
