/** Work in a process of its own: it holds up nothing else, and what it can't do in its memory ends it, not who asked. */
import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { setPriority } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

import type { ErrorCode } from '../errors/catalogue.ts';
import { KilnError } from '../errors/error.ts';

/** Errors lose their type on the way between processes. */
type Answer =
  | { readonly value: unknown }
  | { readonly refused: { readonly code: ErrorCode; readonly message: string; readonly hint: string } }
  | { readonly bug: string };

export interface ApartOptions {
  /** Of what JavaScript keeps. */
  readonly memoryMb: number;
  readonly signal?: AbortSignal;
}

/** The work needed more memory than it was given. */
export class OutOfMemory extends Error {}

/**
 * What `answerApart` answers in that module; input and answer are copied, maps and sets included. Throws the KilnError that
 * it threw, OutOfMemory, or the signal's reason; anything else is a bug.
 */
export async function apart<T>(module: URL, input: unknown, { memoryMb, signal }: ApartOptions): Promise<T> {
  signal?.throwIfAborted();
  const child = started(module, memoryMb, 'ignore');
  const stop = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return valueOf(await answerOf(child, input)) as T;
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

/** The bytes that `streamApart` writes in that module, as they come. Throws where it ends otherwise than well. */
export async function* apartBytes(
  module: URL,
  input: unknown,
  { memoryMb }: Pick<ApartOptions, 'memoryMb'>,
): AsyncGenerator<Buffer> {
  const child = started(module, memoryMb, 'pipe');
  const answer = answerOf(child, input);
  answer.catch(() => {}); // Heard of after the last byte.
  try {
    yield* child.stdout ?? [];
    valueOf(await answer);
  } finally {
    child.kill('SIGKILL');
  }
}

function valueOf(answer: Answer): unknown {
  if ('value' in answer) return answer.value;
  if ('bug' in answer) throw new Error(answer.bug);
  const { code, message, hint } = answer.refused;
  throw new KilnError(code, message, { hint });
}

const started = (module: URL, memoryMb: number, stdout: 'ignore' | 'pipe'): ChildProcess =>
  fork(fileURLToPath(module), {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${memoryMb}`],
    env: environment(),
    stdio: ['ignore', stdout, 'pipe', 'ipc'],
  });

/** Nothing of the daemon's own: its keys and passwords are no business of the work. */
function environment(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return { PATH: process.env['PATH'], ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }) };
}

const LOW_PRIORITY = 10;
const LAST_WORDS = 4000;
/** How V8 ends where its memory is full, or one thing larger than it can hold. In a thread it would end the whole process. */
const FULL = /out of memory|invalid (?:table )?size|Allocation failed/;

function answerOf(child: ChildProcess, input: unknown): Promise<Answer> {
  let lastWords = '';
  child.stderr?.on('data', (chunk) => (lastWords = (lastWords + String(chunk)).slice(-LAST_WORDS)));
  return new Promise((resolve, reject) => {
    child.once('message', (answer) => resolve(answer as unknown as Answer));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      reject(
        FULL.test(lastWords)
          ? new OutOfMemory('it needs more memory')
          : new Error(`it ended early (${code ?? signal}): ${lastWords.trim()}`),
      );
    });
    child.send(input as object, (error) => {
      if (error !== null) reject(error);
    });
  });
}

/** The other side, in that module: works with what `apart` was given, which is of the type that the two agreed on. */
export function answerApart(work: (input: never) => unknown): void {
  // Nobody waits for the answer any more.
  process.once('disconnect', () => process.exit());
  process.once('message', (input) => {
    void answered(work, input).then((answer) => process.send?.(answer));
  });
}

/** The same for bytes, of which nothing is held here; others' work goes first. */
export function streamApart(work: (input: never) => AsyncIterable<Buffer>): void {
  setPriority(LOW_PRIORITY);
  process.once('disconnect', () => process.exit());
  process.once('message', (input) => {
    // The end of the bytes is the end of the process.
    void answered((given) => written(work(given)), input).then((answer) => process.send?.(answer, () => process.exit()));
  });
}

const written = (bytes: AsyncIterable<Buffer>): Promise<void> =>
  pipeline(Readable.from(bytes, { objectMode: false }), process.stdout);

async function answered(work: (input: never) => unknown, input: unknown): Promise<Answer> {
  try {
    return { value: await work(input as never) };
  } catch (error) {
    if (!(error instanceof KilnError)) return { bug: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    const { code, message, hint } = error;
    return { refused: { code, message, hint } };
  }
}
