/** The files that a source is made of. What they are is known by their names, sizes and times: unread ones cost nothing. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';

import { KilnError, messageOf } from '../../errors/error.ts';

export interface SourceFile {
  readonly path: string;
  /** Below the source: the same wherever the source lies. */
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
}

const FILES = 1_000_000;
const READ = /\.(?:json|zip)$/;
/** What a download keeps beside itself, and other hidden things. */
const HIDDEN = /(?:^|\/)\./;

/** A file, or all .json and .zip files below a folder, in one order. Throws VULNERABILITY_DATA where it can't be read. */
export async function sourceFiles(source: string): Promise<readonly SourceFile[]> {
  try {
    const status = await stat(source);
    if (!status.isDirectory()) return [{ path: source, name: basename(source), size: status.size, mtimeMs: status.mtimeMs }];
    const found = await readdir(source, { recursive: true, withFileTypes: true });
    const paths = found
      .filter((entry) => entry.isFile() && READ.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name));
    const names = paths.map((path) => relative(source, path)).filter((name) => !HIDDEN.test(name));
    if (names.length > FILES) throw unusable(source, `it has more than ${FILES} files`);
    return await Promise.all(names.toSorted().map((name) => fileAt(source, name)));
  } catch (error) {
    if (error instanceof KilnError) throw error;
    throw unusable(source, messageOf(error), error);
  }
}

async function fileAt(source: string, name: string): Promise<SourceFile> {
  const path = join(source, name);
  const { size, mtimeMs } = await stat(path);
  return { path, name, size, mtimeMs };
}

export function unusable(source: string, why: string, cause?: unknown): KilnError {
  return new KilnError('VULNERABILITY_DATA', `the vulnerability data at ${source} can't be used: ${why}`, {
    hint: 'mend image.gates.vulnerabilities.sources in kiln.yaml; an OSV archive or folder, or the Debian tracker’s JSON, is wanted',
    cause,
  });
}
