/** One test on a booted instance. Each kind is a function that answers what is wrong, or null. */
import { connect } from 'node:net';
import { runInNewContext } from 'node:vm';

import type { ImageTest, ImageTestKind } from '../../domain/image-test.ts';
import type { Inside } from '../../engines/inside.ts';
import { KilnError, messageOf } from '../../errors/error.ts';
import { httpProblem } from './http.ts';
import { scriptProblem } from './script.ts';
import type { Surroundings } from './surroundings.ts';

const POLL_MS = 100;
/** Of one try of what is tried again; also of the last, which may begin just before the end. */
const TRY_MS = 5_000;
const READ_BYTES = 1 << 20;

/** Null: it passed. Else what was wrong at the last try, for people. Throws the signal's reason. */
export async function check(test: ImageTest, around: Surroundings): Promise<string | null> {
  const { clock, signal } = around;
  const onlyOnce = test.kind === 'command' || test.kind === 'script';
  for (const end = clock.now() + test.withinMs; ;) {
    const problem = await tryOnce(test, around, onlyOnce ? test.withinMs : TRY_MS);
    signal.throwIfAborted();
    if (problem === null || onlyOnce || clock.now() + POLL_MS >= end) return problem;
    await clock.sleep(POLL_MS, signal);
  }
}

async function tryOnce(test: ImageTest, around: Surroundings, ms: number): Promise<string | null> {
  const deadline = AbortSignal.timeout(ms);
  const signal = AbortSignal.any([deadline, around.signal]);
  try {
    return await problemOf(test, { ...around, signal });
  } catch (error) {
    around.signal.throwIfAborted();
    if (deadline.aborted) return `it was not over after ${Math.round(ms / 100) / 10} s`;
    return error instanceof KilnError ? error.message : messageOf((error as Error).cause ?? error);
  }
}

function problemOf(test: ImageTestKind, around: Surroundings): Promise<string | null> {
  const { inside, port, signal } = around;
  switch (test.kind) {
    case 'http':
      return httpProblem(test, inside.ip, test.port ?? port, signal);
    case 'command':
      return commandProblem(test, inside, signal);
    case 'file':
      return fileProblem(test, inside);
    case 'user':
      return userProblem(test.user, inside);
    case 'port':
      return portProblem(inside.ip, test.port, signal);
    case 'script':
      return scriptProblem(test.path, around);
  }
}

type Of<K extends ImageTestKind['kind']> = Extract<ImageTestKind, { kind: K }>;

async function commandProblem(
  { command, exit, stdout }: Of<'command'>,
  inside: Inside,
  signal: AbortSignal,
): Promise<string | null> {
  const result = await inside.runBeside(command, signal);
  const said = lastLine(result.stderr) || lastLine(result.stdout);
  if (result.code !== exit) return `it ended with ${result.code ?? result.signal}, not ${exit}${said === '' ? '' : `: ${said}`}`;
  if (stdout === null || matches(stdout, result.stdout)) return null;
  return `its output does not match /${stdout}/: ${lastLine(result.stdout)}`;
}

const lastLine = (text: string): string => (text.trim().split('\n').at(-1) ?? '').slice(0, 200);

/** The expression is the recipe's: one that would search for ever is stopped. */
function matches(source: string, text: string): boolean {
  const context = { source, text: text.slice(0, READ_BYTES) };
  try {
    return runInNewContext("new RegExp(source, 'm').test(text)", context, { timeout: 1_000 }) === true;
  } catch {
    throw new Error(`/${source}/ takes too long on its output; write it simpler`);
  }
}

async function fileProblem({ path, exists, mode, owner, content }: Of<'file'>, inside: Inside): Promise<string | null> {
  const file = await inside.file(path);
  if (file === null) return exists ? 'it is not there' : null;
  if (!exists) return 'it is there';
  if (mode !== null && file.mode !== mode) return `its mode is ${octal(file.mode)}, not ${octal(mode)}`;
  if (owner !== null) {
    const wanted = await inside.idsOf(owner);
    const isWanted = file.uid === wanted.uid && (!owner.includes(':') || file.gid === wanted.gid);
    if (!isWanted) return `it belongs to ${file.uid}:${file.gid}, not ${owner} (${wanted.uid}:${wanted.gid})`;
  }
  if (content === null) return null;
  const read = await inside.read(path, READ_BYTES);
  if (read === null) return 'it is no file that could be read';
  return read.includes(content) ? null : 'it does not hold the text';
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

async function userProblem(account: string, inside: Inside): Promise<string | null> {
  const [is, wanted] = [await inside.processIds(), await inside.idsOf(account)];
  const isWanted = is.uid === wanted.uid && (!account.includes(':') || is.gid === wanted.gid);
  return isWanted ? null : `it runs as ${is.uid}:${is.gid}, not ${account} (${wanted.uid}:${wanted.gid})`;
}

function portProblem(host: string, port: number, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve('nothing listens');
      else reject(error);
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve(null);
    });
  });
}
