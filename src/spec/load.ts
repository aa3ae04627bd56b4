/** kiln.yaml from a folder, with the launch files that it names. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';

import { KilnError } from '../errors/error.ts';
import { parse, type Spec } from './parse.ts';
import { isReferencedFile } from './references.ts';
import { namedIn, onlyOf, type ParsedService } from './services.ts';

const FILE = 'kiln.yaml';
/** Of kiln.yaml and of each launch file: these end in the release, and so in the history. */
const MOST_BYTES = 1 << 20;

/** `dependsOn`: names of services of the same file. */
export type Loaded = Pick<ParsedService, 'spec' | 'dependsOn'>;

/**
 * `service`: absent where the file has one only. Throws CONFIG_NOT_FOUND, CONFIG_SYNTAX, CONFIG_INVALID, FILE_UNREADABLE,
 * PATH_ESCAPES for a launch file that leads out of the folder, by its path or by links, NOT_FOUND for a service that is not
 * in the file, and USAGE where one has to be named.
 */
export async function loadSpec(folder: string, service?: string): Promise<Spec> {
  return withLaunchFiles(await parsedService(folder, service), folder);
}

/** Without the launch files. */
export async function parsedService(folder: string, service?: string): Promise<ParsedService> {
  const { services, path } = await parsedIn(folder);
  return service === undefined ? onlyOf(services, path) : namedIn(services, service, path);
}

/** All services of the file, in its order. Throws as loadSpec does. */
export async function loadServices(folder: string): Promise<readonly Loaded[]> {
  const { services } = await parsedIn(folder);
  return Promise.all(services.map(async (each) => ({ spec: await withLaunchFiles(each, folder), dependsOn: each.dependsOn })));
}

async function parsedIn(folder: string): Promise<{ readonly services: readonly ParsedService[]; readonly path: string }> {
  const path = join(folder, FILE);
  const text = await readText(path).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR'
      ? new KilnError('CONFIG_NOT_FOUND', `there is no ${FILE} in ${resolve(folder)}`, {
          hint: 'name the folder that has one; docs/reference/kiln-yaml.md begins with a whole file',
          cause: error,
        })
      : unreadable(path, error);
  });
  return { services: parse(text, path), path };
}

async function withLaunchFiles(parsed: ParsedService, folder: string): Promise<Spec> {
  const { run } = parsed.spec;
  const root = await realpath(folder);
  const files: Spec['run']['files'] = {};
  for (const [target, file] of Object.entries(run.files)) {
    if (typeof file === 'string' || file.from === undefined || isReferencedFile(file)) files[target] = file;
    else files[target] = { content: await readLaunchFile(parsed, root, target, file.from), mode: file.mode };
  }
  return { ...parsed.spec, run: { ...run, files } };
}

async function readLaunchFile(parsed: ParsedService, root: string, target: string, from: string): Promise<string> {
  const { message, at } = parsed.invalid(['run', 'files', target, 'from'], from);
  const fail: Fail = (code, why, hint, cause) =>
    new KilnError(code, `${message}: ${why}`, { hint, cause, ...(at === undefined ? {} : { at }) });
  return readWithin(root, from, fail);
}

/** A file that kiln.yaml names, `what` in errors. Throws PATH_ESCAPES, FILE_UNREADABLE. */
export async function readInFolder(folder: string, from: string, what: string): Promise<string> {
  const fail: Fail = (code, why, hint, cause) => new KilnError(code, `${what}: "${from}" ${why}`, { hint, cause });
  return readWithin(await realpath(folder), from, fail);
}

type Fail = (code: 'PATH_ESCAPES' | 'FILE_UNREADABLE', why: string, hint: string, cause?: unknown) => KilnError;

async function readWithin(root: string, from: string, fail: Fail): Promise<string> {
  const escapes = (): KilnError =>
    fail(
      'PATH_ESCAPES',
      'leads out of the folder of kiln.yaml',
      'name a file within the folder, by a relative path without links out of it',
    );
  if (isAbsolute(from) || from.split('/').includes('..')) throw escapes();
  try {
    const path = await realpath(join(root, from));
    if (!path.startsWith(root === sep ? sep : root + sep)) throw escapes();
    return await readText(path);
  } catch (error) {
    if (error instanceof KilnError) throw error;
    throw fail('FILE_UNREADABLE', whyUnreadable(error), 'it must be a file of text, of at most 1 MiB', error);
  }
}

class NotText extends Error {}

/** Never waits (a FIFO would) and never reads more than it may: what it opened is judged, not what had the name before. */
async function readText(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new NotText('it is not a file');
    if (status.size > MOST_BYTES) throw new NotText('it is larger than 1 MiB');
    const bytes = await file.readFile();
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new NotText('it is not text in UTF-8');
    throw error;
  } finally {
    await file.close();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'no permission to read it',
  ELOOP: 'its links go in circles',
  EISDIR: 'it is not a file',
};

const whyUnreadable = (error: unknown): string => {
  if (error instanceof NotText) return error.message;
  const { code = '', message } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? message;
};

const unreadable = (path: string, error: unknown): KilnError =>
  new KilnError('FILE_UNREADABLE', `${path} can't be read: ${whyUnreadable(error)}`, {
    hint: 'kiln.yaml is a file of text in UTF-8, of at most 1 MiB',
    cause: error,
  });
